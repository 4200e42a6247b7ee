"""The folder of a run on several hosts: claimed by the first, seen by all."""

import contextlib
import secrets
import time
from collections.abc import Iterator

from rcjax.errors import UserError
from rcjax.runtime.hosts.group import Hosts
from rcjax.runtime.workdir import Workdir

_TOKEN = ".hosts"
_SECONDS = 10.0  # that a network file system may take to show a file of another host
_LOOK = 0.2


@contextlib.contextmanager
def claimed_by_first(folder: Workdir, hosts: Hosts) -> Iterator[None]:
    """Has host 0 make and lock the folder of a run; makes sure that all hosts see the same one.

    Raises:
        InUseError: another process works in the folder.
        UserError: it cannot be written, or is not the same on this host.
    """
    if hosts.count == 1:
        with folder.claimed():
            yield
        return
    with folder.claimed() if hosts.first else contextlib.nullcontext():
        _check_shared(folder, hosts)
        yield


def _check_shared(folder: Workdir, hosts: Hosts) -> None:
    token, path = secrets.token_hex(8), folder.path / _TOKEN
    try:
        if hosts.first:
            path.write_text(token, encoding="utf-8")
        token = hosts.from_first(lambda: token)
        end = time.monotonic() + _SECONDS
        while not _holds(folder, token):
            if time.monotonic() > end:
                raise UserError(
                    f"workdir {folder.path} on host {hosts.number} ({hosts.names[hosts.number]}) "
                    f"is not the folder of host 0 ({hosts.names[0]}); give a folder of a file "
                    "system that all hosts share"
                )
            time.sleep(_LOOK)
        hosts.meet()
    finally:
        if hosts.first:
            path.unlink(missing_ok=True)


def _holds(folder: Workdir, token: str) -> bool:
    try:
        return (folder.path / _TOKEN).read_text(encoding="utf-8") == token
    except OSError:
        return False
