"""The command line: `--config` and `--workdir`, and `--config.FIELD=VALUE` for single fields.

`rcjax.__main__` runs it as a process. Exit codes: 0 the run is complete, 2 the user can mend
something (one line on standard error says what), 3 the loss stopped being finite, 4 a host of
several was lost, 130 the run was interrupted; the last two can be resumed.
"""

import logging
import os
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

from rcjax.config import apply_overrides, command_of, flatten, known_configs, load_config
from rcjax.errors import UserError
from rcjax.terminal import say, say_error, shortened

if TYPE_CHECKING:
    from rcjax.runtime import HostFlags

COMPLETED, USER_ERROR, DIVERGED, INTERRUPTED = 0, 2, 3, 130
_OVERRIDE, _HOSTS = "--config.", "--hosts"
_HOST_FLAGS = {
    "hosts": "auto: this is one of several hosts of a run, and the cluster says which; "
    "ray: run on the nodes of this Ray cluster",
    "hosts.address": "HOST:PORT at which host 0 listens",
    "hosts.count": "number of hosts",
    "hosts.number": "of this host, from 0",
    "hosts.timeout": "seconds within which all hosts must be there",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the experiment that the command line asks for.

    Args:
        argv: program name and arguments; `sys.argv` when None.

    Returns:
        The exit code.
    """
    argv = list(sys.argv if argv is None else argv)
    if {"-h", "--help"} & set(argv[1:]):
        say(_usage())
        return COMPLETED
    if not any(argument.startswith(_HOSTS) for argument in argv[1:]):
        return _outcome(argv)[0]
    from rcjax.runtime import run_on_hosts

    return run_on_hosts(lambda: _outcome(argv))


def _outcome(argv: list[str]) -> tuple[int, str]:
    """Returns the exit code, and the message of the error that was said."""
    try:
        return _run(argv), ""
    except UserError as error:
        return _user_error(str(error))
    except (MemoryError, RuntimeError) as error:
        from rcjax.runtime import is_out_of_memory  # not at the top, like the training stack

        if not is_out_of_memory(error):
            raise
        reason = f" ({str(error).splitlines()[0][:200]})" if str(error) else ""
        return _user_error(f"out of memory{reason}; lower batch_size, width or regions.batch_size")
    # Whatever no part has words of its own for: names that are too long, files without permission.
    except OSError as error:
        return _user_error(f"{_os_error(error)}; mend that and run the same command again")
    except KeyboardInterrupt:
        say_error("interrupted; nothing was lost, the same command goes on from here")
        return INTERRUPTED, ""


def _user_error(message: str) -> tuple[int, str]:
    message = " ".join(message.split())
    say_error(f"error: {shortened(message)}")
    return USER_ERROR, message


def _os_error(error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and not error.filename:
        try:
            os.getcwd()
        except FileNotFoundError:
            return "the current folder is no longer there"
    reason = error.strerror or str(error) or type(error).__name__
    return f"{os.fsdecode(error.filename)}: {reason}" if error.filename else reason


def _run(argv: list[str]) -> int:
    # A notebook names its own backend to every command, whether it is installed here or not.
    os.environ.pop("MPLBACKEND", None)
    # Figures do not follow a user's matplotlibrc: none is read but one in this folder, and what
    # matplotlib has to say of its lines is of no use.
    os.environ["MATPLOTLIBRC"] = os.devnull
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    arguments, overrides = split_overrides(argv)
    given = _parse_flags(arguments)
    if any(given.hosts):
        from rcjax.runtime import HostFlags, ray_request_of, run_on_ray

        hosts = HostFlags(*given.hosts)
        if (request := ray_request_of(hosts)) is not None:
            return run_on_ray(_arguments(given, overrides), request)
        config = _config_on_hosts(given, overrides, hosts)
    else:
        config = load_config(given.config)
        apply_overrides(config, overrides)
    command, config = command_of(config)

    # Only now: these pull in the whole training stack, and a misspelt field should not wait for it.
    try:
        from rcjax.experiments import plan_run, run_experiment
        from rcjax.runtime import current_hosts, mended_compilation_cache
        from rcjax.training import Interrupted, train
    except UnicodeDecodeError as error:
        raise UserError(
            "the file matplotlibrc in this folder is not UTF-8 text, and matplotlib reads it; "
            "remove it, which changes no figure of rcjax, or save it as UTF-8"
        ) from error

    try:
        # A config of many runs names its experiment; every other config is one training run.
        with mended_compilation_cache():
            if command.dry_run:
                record = plan_run(config, given.workdir)
            elif "experiment" in config:
                record = run_experiment(config, given.workdir, argv)
            else:
                record = train(config, given.workdir)
    except Interrupted as interrupted:
        if not any(given.hosts):
            say_error(f"{interrupted}; to resume: {_command(argv)}")
        elif current_hosts().first:  # a driver or a job may have started this command
            say_error(f"{interrupted}; start the same again, with this or another number of hosts")
        return INTERRUPTED
    return DIVERGED if record["status"] == "diverged" else COMPLETED


def _arguments(given: "_Flags", overrides: dict[str, str]) -> list[str]:
    """The arguments of the command, without those of the hosts."""
    fields = [f"{_OVERRIDE}{name}={value}" for name, value in overrides.items()]
    return [f"--config={given.config}", f"--workdir={given.workdir}", *fields]


def _config_on_hosts(given: "_Flags", overrides: dict[str, str], hosts: "HostFlags") -> Any:
    """Returns the config once all hosts of the run have met and agree on it."""
    from rcjax.runtime import join, place_of, program_versions, refusals_told

    place = place_of(hosts)
    with refusals_told(place):
        config = load_config(given.config)
        apply_overrides(config, overrides)
        if config.get("dry_run", False) and place is not None and place.count > 1:
            raise UserError("dry_run measures on one host; leave out --hosts, or dry_run")
        if "experiment" in config and place is not None and place.count > 1:
            raise UserError(
                f"experiment = {config.experiment} does not run on several hosts as one; leave out "
                "--hosts: a study gives its runs to hosts by executor.name = ray or commands"
            )
    if place is not None and place.count > 1:
        fields = {f"config.{name}": value for name, value in flatten(config.to_dict()).items()}
        join(place, {**program_versions(), **fields})
    return config


def split_overrides(argv: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Takes `--config.FIELD=VALUE` (or `--config.FIELD VALUE`) out of the arguments.

    Returns:
        The other arguments in their order, and {field: value as text}. A field that is given twice
        keeps its last value.

    Raises:
        UserError: a field has no name or no value.
    """
    others, overrides = [], {}
    remaining = iter(argv)
    for argument in remaining:
        if not argument.startswith(_OVERRIDE):
            others.append(argument)
            continue
        field, equals, value = argument.removeprefix(_OVERRIDE).partition("=")
        if not field:
            raise UserError(f"{argument} names no field; write for instance {_OVERRIDE}epochs=3")
        if not equals:
            value = next(remaining, "--")
            if value.startswith("--"):
                raise UserError(f"{argument} has no value; write {argument}=VALUE")
        overrides[field] = value
    return others, overrides


class _Flags(NamedTuple):
    """The flags of a command, as text."""

    config: str
    workdir: str
    hosts: tuple[str, ...]  # those of _HOST_FLAGS, empty where they are not given


def _parse_flags(arguments: list[str]) -> _Flags:
    """Returns the values of the flags, of which --config and --workdir are required."""
    # A set of flags of its own, not absl's global one: main can then run many times in a process.
    values = flags.FlagValues()
    flags.DEFINE_string("config", None, "config file, with :SIZE for another size", values)
    flags.DEFINE_string("workdir", None, "folder of this run", values)
    for name, meaning in _HOST_FLAGS.items():
        flags.DEFINE_string(name, None, meaning, values)
    try:
        rest = values(arguments)[1:]
    except flags.UnrecognizedFlagError as error:
        raise UserError(
            f"unknown flag --{error.flagname}; there are --config, --workdir and --hosts, and a "
            f"field of the config is set by --config.FIELD=VALUE"
        ) from error
    except flags.Error as error:
        raise UserError(str(error)) from error
    if rest:
        raise UserError(f"unexpected argument {rest[0]!r}; usage: {_USAGE}")
    given = {name: str(values[name].value or "") for name in ("config", "workdir", *_HOST_FLAGS)}
    for name, value in given.items():
        if value.startswith("--"):  # the next flag was taken for its value
            raise UserError(f"--{name} has no value; write --{name}=VALUE")
    for name in ("config", "workdir"):
        if not given[name]:
            raise UserError(f"--{name} is missing; usage: {_USAGE}")
    return _Flags(given["config"], given["workdir"], tuple(given[name] for name in _HOST_FLAGS))


_USAGE = "rcjax --config=digits --workdir=DIR [--config.FIELD=VALUE ...]"


def _usage() -> str:
    configs = "\n".join(f"  {name}" for name in known_configs())
    return (
        f"{_USAGE}\n\nTrains a network and counts its regions as it trains. DIR receives "
        "record.json,\nmetrics.jsonl, figures/ and checkpoints/; the same command resumes an "
        "interrupted run.\n\n"
        "One run on several hosts: --hosts=auto (SLURM, TPU pods), --hosts=ray, or --hosts.address="
        "HOST:PORT\n--hosts.count=N --hosts.number=K; see docs/batch_jobs.md.\n\n"
        f"Configs (append :quick for a smaller size), beside the path of your own:\n{configs}"
    )


def _command(argv: Sequence[str]) -> str:
    """The command line as the user would type it again."""
    program = argv[0]
    words = [program] if os.access(program, os.X_OK) else ["python", program]
    return shlex.join([*words, *argv[1:]])
