"""Lines and the progress bar: no state of a stream fails the caller, no text reaches it raw."""

import errno
import io
import os
import re
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rcjax.terminal import Bar, escaped, say, say_error, shortened


class Failing(io.TextIOBase):
    """A stream whose every write or flush raises."""

    encoding = "utf-8"

    def __init__(self, error, terminal=False):
        self.error = error
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    def write(self, text):
        raise self.error

    def flush(self):
        raise self.error


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


BROKEN = {
    "closed before Python started": None,
    "closed since": closed(),
    "pipe": Failing(BrokenPipeError(errno.EPIPE, "Broken pipe")),
    "full disk": Failing(OSError(errno.ENOSPC, "No space left on device")),
    "terminal that hung up": Failing(OSError(errno.EIO, "Input/output error"), terminal=True),
    "not ready": Failing(BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_raises_nothing(monkeypatch, name):
    stream = BROKEN[name]
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    assert say("a line") == (name == "pipe")
    say_error("a line")
    bar = Bar(3, 0, "epoch")
    bar.message("a line")
    bar.start()
    bar.update(2, "loss 1")
    bar.close()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_characters_that_an_encoding_lacks_are_escaped(monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    say("3.2 ± 0.1 図 \udcff")
    written = stream.buffer.getvalue().decode(encoding)
    assert written.encode("ascii", "backslashreplace").decode() in (
        "3.2 \\xb1 0.1 \\u56f3 \\udcff\n",
    )
    assert ("±" in written) == (encoding != "ascii")
    assert ("図" in written) == (encoding == "utf-8")


@given(st.text())
def test_what_is_shown_holds_no_control_characters(text):
    shown = escaped(text)
    assert not {c for c in shown if unicodedata.category(c) in ("Cc", "Cs")} - {"\n", "\t"}
    if text.isprintable() and not set(text) & set("\u200e\u202e"):
        assert shown == text


def test_control_characters_and_directions_are_escaped():
    assert escaped("a\x1b[31mb\x00\x9b\r\u202e\u2028\x7f\n\tü😀") == (
        "a\\x1b[31mb\\x00\\x9b\\x0d\\u202e\\u2028\\x7f\n\tü😀"
    )


def test_long_values_are_not_repeated_in_full():
    message = f"unknown network {'x' * 5000!r}; known: mlp"
    assert len(shortened(message)) < 400
    assert shortened(message).endswith("known: mlp")
    assert shortened("unknown network 'y'; known: mlp") == "unknown network 'y'; known: mlp"
    assert len(shortened("a b " * 5000)) < 2100


def lines_of(bar_function, terminal=False):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    bar_function(stream)
    return stream.getvalue()


def test_a_log_file_gets_a_line_for_each_update():
    def show(stream):
        bar = Bar(4, 1, "run", stream=stream, keeps_texts=True)
        bar.update(2, "first completed")
        bar.update(4)
        bar.close()

    first, second = lines_of(show).splitlines()
    rate = r"[\d.]+ runs/(s|min|h), \d+:\d\d left"
    assert re.fullmatch(rf"run 2/4: first completed, {rate}", first)
    assert re.fullmatch(rf"run 4/4: {rate}", second)


def test_lines_that_would_come_too_often_are_left_out_but_for_the_last():
    def show(stream):
        bar = Bar(1000, 0, "slice", stream=stream, seconds_between_lines=60)
        for done in range(1, 1001):
            bar.update(done)

    (line,) = lines_of(show).splitlines()
    assert line.startswith("slice 1000/1000: ")


@pytest.mark.parametrize("keeps_texts", [False, True])
def test_a_terminal_gets_a_bar_with_a_rate(keeps_texts):
    def show(stream):
        bar = Bar(4, 0, "epoch", stream=stream, keeps_texts=keeps_texts)
        bar.message("a\x1bline")
        bar.update(4, "loss 0.5")
        bar.close()

    shown = lines_of(show, terminal=True)
    assert "4/4" in shown
    assert "loss 0.5" in shown
    assert "a\\x1bline\n" in shown
    assert ("loss 0.5\n" in shown) == keeps_texts


SCRIPT = """
import contextlib, os, sys
from rcjax.terminal import release_standard_streams, say, say_error, secure_standard_streams
secure_standard_streams()
print("± from a library")
say("± from rcjax"); say_error("±")
file = open(sys.argv[1], "w")
for number in (1, 2):
    with contextlib.suppress(OSError):
        os.write(number, b"raw")
file.write("whole"); file.close()
release_standard_streams()
sys.exit(3)
"""


@pytest.mark.parametrize(
    "redirection", [">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full", "2>/dev/full", "| true", ""]
)
def test_a_process_keeps_its_exit_code_whatever_its_output(tmp_path, redirection):
    file = tmp_path / "file"
    command = f'"{sys.executable}" -c "$SCRIPT" "$FILE" {redirection}; exit ${{PIPESTATUS[0]}}'
    environment = {**os.environ, "SCRIPT": SCRIPT, "FILE": str(file), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "Error" not in done.stderr
    assert file.read_text() == "whole"
