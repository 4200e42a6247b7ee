"""Chooses an executor by name."""

import functools

from rcjax.config import ExecutorSection
from rcjax.errors import UserError
from rcjax.study.executors.executor import Executor
from rcjax.study.tools import TOOLS, Tools

# "commands" runs nothing: it prints what a batch system is to run.
NAMES = ("in_process", "processes", "ray", "commands")


def executor_of(name: str, tools: Tools = TOOLS) -> Executor:
    """Returns the executor called `name`.

    Args:
        name: one of `NAMES`.
        tools: what does the work of a run in this process; other processes have their own.

    Raises:
        UserError: there is none that does runs and is called so.
    """
    if name == "processes":
        from rcjax.study.executors.processes import execute as processes

        return processes
    if name == "in_process":
        from rcjax.study.executors.in_process import execute as in_process

        return functools.partial(in_process, tools=tools)
    if name == "ray":
        from rcjax.study.executors.ray import execute as ray

        return ray
    raise UserError(f"unknown executor {name!r}; known: {', '.join(NAMES)}")


def workers_of(settings: ExecutorSection) -> int:
    """Returns how many jobs an executor does at once.

    Raises:
        UserError: it has no room for one.
    """
    if settings.name == "processes":
        from rcjax.study.executors.resources import worker_resources

        return len(worker_resources(settings))
    if settings.name == "ray":
        from rcjax.study.executors.ray import places

        return places(settings)
    return 1
