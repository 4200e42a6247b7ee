"""The records of a mass study: files of JSON lines, one line a run, one file a group.

A file appears whole once all runs of its group are over, and is never written again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rcjax.errors import UserError
from rcjax.outside import open_regular
from rcjax.runtime import finite, written_whole

FOLDER = "records"
SECONDS_FOLDER = "seconds"  # of what the groups took


class RunLine(NamedTuple):
    """A line of a shard.

    Attributes:
        place: file and number of the line, for messages.
        run: name of the run; empty where it cannot be read.
        content: fields of the record, and sections "measures", "variants" and "labels".
        fault: why the line cannot be used; empty for a sound one.
    """

    place: str
    run: str
    content: Mapping[str, Any] = {}
    fault: str = ""


def shard_name(runs: Sequence[str]) -> str:
    """Returns the name of the shard of some runs: the same runs have the same one."""
    return hashlib.sha256("\n".join(runs).encode()).hexdigest()[:16]


def line_of(run: str, record: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the content of a run's line. The config is left out: study.json and the name say it.

    Args:
        run: its name, which comes first, so that a line cut short still tells it.
        record: as `rcjax.training` makes it.
        measured: its sections beside the record.
    """
    kept = {name: value for name, value in record.items() if name != "config"}
    return {"run": run, **kept, **measured}


def write_shard(workdir: Path, name: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """Writes the lines of a group at once.

    Raises:
        OSError: they cannot be written; no part of them is there then.
    """
    folder = workdir / FOLDER
    folder.mkdir(exist_ok=True)
    with written_whole(folder / f"{name}.jsonl") as file:
        for line in lines:
            text = json.dumps(finite(line), separators=(",", ":"), allow_nan=False)
            file.write(f"{text}\n".encode())


def shards(workdir: Path) -> list[Path]:
    """Returns the files of lines in a study's folder, in the order of their names."""
    return sorted((workdir / FOLDER).glob("*.jsonl"))


def read_shard(path: Path) -> Iterator[RunLine]:
    """Reads the lines of a file. One that is damaged has its fault.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with open_regular(path) as file:
            raw = file.read()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); mend that") from error
    for number, line in enumerate(raw.split(b"\n"), 1):
        if line.strip():
            yield _read_line(f"line {number} of {path}", line)


def _read_line(place: str, line: bytes) -> RunLine:
    try:
        content = json.loads(line)
        if not isinstance(content, dict) or not isinstance(content.get("run"), str):
            return RunLine(place, "", fault="it names no run")
        return RunLine(place, content["run"], content)
    except (ValueError, RecursionError) as error:
        return RunLine(place, _name_in(line), fault=f"it is no JSON: {error}"[:200])


def _name_in(line: bytes) -> str:
    """The run of a line that is cut short or changed behind its beginning."""
    beginning = b'{"run":"'
    name, end, _ = line.removeprefix(beginning).partition(b'"')
    found = line.startswith(beginning) and end
    return name.decode("utf-8", "replace") if found else ""
