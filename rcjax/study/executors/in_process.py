"""Does jobs in this process: one after the other, or trained in groups and then measured."""

import contextlib
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

from rcjax.config import ExecutorSection
from rcjax.errors import UserError
from rcjax.runtime import Interrupted, StopRequest
from rcjax.study.executors.executor import OnOutcome
from rcjax.study.jobs import FAILED, INTERRUPTED, AnyJob, Job, LockWait, Outcome, do_job
from rcjax.study.tools import TOOLS, Tools
from rcjax.terminal import say
from rcjax.training import group_key, is_groupable, train_together


def execute(
    jobs: Sequence[AnyJob],
    settings: ExecutorSection,
    on_outcome: OnOutcome,
    stop: StopRequest,
    tools: Tools = TOOLS,
) -> None:
    """Does the jobs; with `runs_together` above 1, jobs that fit together are trained as one."""
    lock_wait = LockWait(tools)
    with _existing_objects_left_alone():
        for number, group in enumerate(groups(jobs, settings.runs_together)):
            refusal = ""
            if len(group) > 1 and not stop.is_set():
                refusal = _train_group(group, number, stop)
            for job in group:
                if stop.is_set():
                    return
                if refusal:
                    on_outcome(Outcome(job.name, FAILED, refusal))
                    continue
                # A run that was trained with its group is over by now: it is only measured.
                outcome = do_job(job, stop, lock_wait, tools)
                if outcome.status == INTERRUPTED:
                    stop.set()
                on_outcome(outcome)
                # Compiled functions and the arrays they hold refer to each other.
                gc.collect()


@contextlib.contextmanager
def _existing_objects_left_alone() -> Iterator[None]:
    """Objects that exist before the runs never become garbage; freezing them spares a full
    collection after every run, which would take longer than a small run does.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def groups(jobs: Sequence[AnyJob], most: int) -> Iterator[Sequence[AnyJob]]:
    """Groups of at most `most` runs that can be trained together; other jobs form groups of one."""
    by_key: dict[str, list[AnyJob]] = {}
    for job in jobs:
        key = job.name
        if most > 1 and isinstance(job, Job) and is_groupable(job.config):
            key = group_key(job.config)
        by_key.setdefault(key, []).append(job)
    for group in by_key.values():
        for start in range(0, len(group), most):
            yield group[start : start + most]


def _train_group(group: Sequence[AnyJob], number: int, stop: StopRequest) -> str:
    """Trains a group; where the group is too much, its runs are left to be trained one by one.

    Returns:
        What the user has to mend before the runs can be trained, such as a full disk; "" where
        there is nothing. Trained one by one after it, they would be other runs than an undisturbed
        study has.
    """
    log_path = Path(group[0].workdir) / "logs" / f"together_{number}.txt"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    runs = [job for job in group if isinstance(job, Job)]
    with open(log_path, "a", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        try:
            train_together([run.config for run in runs], [run.folder for run in runs], stop)
        except Interrupted:
            stop.set()
        except UserError as error:
            say(f"error: {error}")
            return str(error)
        # Such as a lack of memory, which a run alone may not feel.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            say(f"not trained together: {reason}")
        else:
            return ""
    if not stop.is_set():
        say(f"{len(group)} runs are trained one by one ({reason[:200]})")
    return ""
