"""What the file system refuses: one line, whichever library it was refused to; nothing left."""

import errno
import os
import resource
import subprocess
import sys

import pytest

from rcjax.errors import InUseError, UserError
from rcjax.runtime import Workdir, local_folder
from rcjax.runtime.storage import check_readable, storage_errors

from ..training.small_runs import REPOSITORY, small_arguments

REFUSALS = [
    errno.EIO, errno.EFBIG, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS,
    errno.ESTALE, errno.ENOENT, errno.EMFILE,
]  # fmt: skip


def as_the_system_says_it(number, folder):
    raise OSError(number, os.strerror(number), str(folder / "file"))


def as_write_says_it(number, folder):
    raise OSError(number, os.strerror(number))


def as_tensorstore_says_it(number, folder):
    raise ValueError(
        f"INTERNAL: Failed to write to file 18: {os.strerror(number)} [os_error_code='{number}']"
    )


def as_words_alone(number, folder):
    raise RuntimeError(f"write failed: {os.strerror(number)}")


def as_a_cause(number, folder):
    try:
        as_write_says_it(number, folder)
    except OSError as error:
        raise KeyError("something else") from error


def in_a_group(number, folder):
    try:
        as_tensorstore_says_it(number, folder)
    except ValueError as error:
        raise ExceptionGroup("several", [TypeError("other"), error]) from None


@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.parametrize(
    "refuse",
    [
        as_the_system_says_it,
        as_write_says_it,
        as_tensorstore_says_it,
        as_words_alone,
        as_a_cause,
        in_a_group,
    ],
)
def test_a_refusal_is_one_line(tmp_path, refuse, number):
    words = "no space left" if number in (errno.ENOSPC, errno.EDQUOT) else os.strerror(number)
    with pytest.raises(UserError, match=words) as refusal, storage_errors(tmp_path):
        refuse(number, tmp_path)
    assert str(tmp_path) in str(refusal.value)
    assert "run the same command again" in str(refusal.value)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        RuntimeError("shape mismatch"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "/elsewhere/data.npz"),
        OSError("without a number"),
    ],
    ids=repr,
)
def test_other_errors_pass(tmp_path, error):
    with pytest.raises(type(error)) as passed, storage_errors(tmp_path):
        raise error
    assert passed.value is error


@pytest.mark.parametrize(
    "refuse", [as_the_system_says_it, as_write_says_it, as_tensorstore_says_it]
)
@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EMFILE, errno.ESTALE])
def test_files_that_cannot_be_read_now_are_not_damaged(tmp_path, refuse, number):
    with pytest.raises((OSError, ValueError)) as raised:
        refuse(number, tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        check_readable(raised.value, tmp_path)


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("y"), FileNotFoundError(2, "No", "a")])
def test_files_that_are_damaged_or_missing_can_be_read(tmp_path, error):
    check_readable(error, tmp_path)


def refuse_after_making(folder, raised=UserError, file=None):
    folder.mkdir(parents=True)
    if file is not None:
        file.write_text("1")
    raise raised("refused")


@pytest.mark.parametrize("raised", [UserError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("depth", [1, 3])
def test_a_refusal_leaves_no_folder(tmp_path, depth, raised):
    folder = tmp_path.joinpath(*"abc"[:depth])
    with pytest.raises(raised), Workdir(folder, {}).claimed():
        refuse_after_making(folder / "checkpoints" / "empty", raised)
    assert not list(tmp_path.iterdir())


def test_a_refusal_leaves_what_was_there(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError), Workdir(tmp_path, {}).claimed():
        refuse_after_making(tmp_path / "logs")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_what_was_written_stays(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(UserError), Workdir(folder, {}).claimed():
        refuse_after_making(folder / "checkpoints", file=folder / "metrics.jsonl")
    assert {path.name for path in folder.iterdir()} == {".lock", "checkpoints", "metrics.jsonl"}


def test_a_folder_in_use_is_left_to_its_process(tmp_path):
    folder = tmp_path / "run"
    with Workdir(folder, {}).claimed():
        with pytest.raises(InUseError), Workdir(folder, {}).claimed():
            raise AssertionError("claimed twice")
        assert (folder / ".lock").exists()


def test_a_lock_that_was_removed_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    import rcjax.runtime.claim as claim

    take = claim._take

    def after_another_has_left(file, path):
        monkeypatch.setattr(claim, "_take", take)
        (tmp_path / ".lock").unlink()
        take(file, path)

    monkeypatch.setattr(claim, "_take", after_another_has_left)
    with Workdir(tmp_path, {}).claimed():
        assert (tmp_path / ".lock").exists()
        with pytest.raises(InUseError), Workdir(tmp_path, {}).claimed():
            raise AssertionError("claimed twice")


def test_the_home_folder_has_a_short_name(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_folder("~/runs/a") == tmp_path / "runs" / "a"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("gs://bucket/run", "is a URL"),
        ("s3://bucket/run", "is a URL"),
        ("file:///tmp/run", "is a URL"),
        ("run\udcff", "not UTF-8"),
        ("~no-such-user/run", "unknown user"),
        ("a\0b", "NUL"),
    ],
)
def test_a_folder_that_no_run_can_have(path, words):
    with pytest.raises(UserError, match=words):
        local_folder(path)


@pytest.mark.slow
@pytest.mark.parametrize("most_bytes", [2_000, 6_000])
def test_files_that_may_not_grow(tmp_path, most_bytes):
    """Orbax and tensorstore write in threads of their own, and complain there as well."""

    def launch(limit=resource.RLIM_INFINITY):
        # Set by the process itself: a fork of this one, which may have used JAX, would warn.
        program = (
            "import os, resource, sys; "
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
            "os.execv(sys.executable, [sys.executable, 'launch.py', *sys.argv[1:]])"
        )
        return subprocess.run(
            [sys.executable, "-c", program, *small_arguments(tmp_path / "run", width=100)[1:]],
            cwd=REPOSITORY,
            env={**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    refused = launch(most_bytes)
    assert refused.returncode == 2
    lines = [line for line in refused.stderr.splitlines() if "compilation cache" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("error: workdir ")
    assert "File too large" in lines[0]
    again = launch()
    assert (again.returncode, again.stderr) == (0, "")
