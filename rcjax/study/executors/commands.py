"""No runs, but the commands that make them: for SLURM and every other batch system."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rcjax.config import find_config
from rcjax.errors import UserError
from rcjax.runtime import local_folder
from rcjax.study.grid import PlannedRun

# Fields that the single runs are not to be given again.
_OURS = (
    "--config.run", "--config.executor.name", "--config.rerun_damaged", "--config.report_only",
    "--config.report_every",
)  # fmt: skip


def batch_commands(missing: Sequence[PlannedRun], total: int, argv: Sequence[str]) -> list[str]:
    """Lines of a shell script that make the missing runs.

    Args:
        missing: the runs to make.
        total: runs of the whole grid.
        argv: the words of the command line that asked for them.

    Returns:
        Comments on their use, and one command for each run; quoted for a POSIX shell.

    Raises:
        UserError: there is no command line.
    """
    if not argv:
        raise UserError(
            "executor.name = commands repeats the words of the command line, and there is none; "
            "start the study by launch.py"
        )
    if not missing:
        return [f"# None of {total} runs is missing; the study's own command writes the report."]
    words = with_absolute_paths(without_fields(argv))
    program = [words[0]] if os.access(words[0], os.X_OK) else [sys.executable, words[0]]
    base = shlex.join([*program, *words[1:]])
    numbers = ranges([run.number for run in missing])
    lines = [
        f"# {len(missing)} of {total} runs are missing. Run these commands in any order, many of",
        "# them at once, on any machine that sees the same files; then the study's own command.",
        f"# Fields that hold relative paths need them to run in {os.getcwd()}.",
        f"# The same as a SLURM array (sbatch --array={numbers}):",
        f"#   {base} --config.run=$SLURM_ARRAY_TASK_ID",
    ]
    return lines + [f"{base} {shlex.quote(f'--config.run={run.name}')}" for run in missing]


def with_absolute_paths(words: Sequence[str]) -> list[str]:
    """Returns the words with absolute paths of the launcher, the config file and the workdir.

    >>> with_absolute_paths(["/launch.py", "--workdir", "/runs", "--config.seed", "3"])
    ['/launch.py', '--workdir=/runs', '--config.seed', '3']
    """
    absolute, rest = [_absolute(words[0])], iter(words[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        # The command line takes one hyphen as well.
        convert = _PATHS.get(name.removeprefix("-").removeprefix("-"))
        if convert is None or not word.startswith("-"):
            absolute.append(word)
        else:
            absolute.append(f"{name}={convert(value if equals else next(rest))}")
    return absolute


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _absolute_config(argument: str) -> str:
    path, size = find_config(argument)
    return f"{path}:{size}" if size else str(path)


def _absolute_workdir(path: str) -> str:
    return str(local_folder(path).absolute())


# How to make the values of flags absolute.
_PATHS = {"config": _absolute_config, "workdir": _absolute_workdir}


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as SLURM writes them.

    >>> ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)


def without_fields(argv: Sequence[str]) -> list[str]:
    """Returns the words without the fields that single runs are not to be given.

    >>> without_fields(["launch.py", "--config=c.py", "--config.executor.name", "commands"])
    ['launch.py', '--config=c.py']
    """
    kept, words = [], iter(argv)
    for word in words:
        name, equals, _ = word.partition("=")
        if name not in _OURS:
            kept.append(word)
        elif not equals:
            next(words, None)
    return kept
