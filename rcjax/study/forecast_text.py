"""The forecast of a study in words."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rcjax.study.forecast import Forecast, ProgramForecast
from rcjax.training import Seconds

_MOST_ROWS = 30


def forecast_lines(found: Forecast, path: Path) -> list[str]:
    """Returns what is printed of a forecast.

    Args:
        found: of a study, or of a single run.
        path: its folder.
    """
    lines = [_runs(found)]
    if found.programs:
        lines += [*_measured(found), *_table(found.programs), _memory(found)]
        lines += [_disk(found, path), *_time(found)]
    return [*lines, f"nothing was written in {path}"]


def _runs(found: Forecast) -> str:
    counts = found.counts
    begun = sum(program.begun for program in found.programs)
    measuring = sum(program.to_measure for program in found.programs)
    left = sum(program.runs for program in found.programs) - begun - measuring
    parts = [f"{counts.over} over"]
    if begun:
        parts.append(f"{begun} begun")
    if measuring:
        parts.append(f"{measuring} trained and to be measured")
    parts.append(f"{left} to begin")
    if counts.damaged:
        parts.append(f"{counts.damaged} damaged")
    if counts.classical:
        parts.append(f"{counts.classical} classical classifiers, whose cost nobody knows before")
    epochs = sum(program.epochs for program in found.programs)
    done = sum(program.epochs_done for program in found.programs)
    text = f"runs       {_plural(counts.runs, 'run')}: {', '.join(parts)}"
    return f"{text}; {done:.4g} of {epochs:,} epochs are done" if epochs else text


def _measured(found: Forecast) -> Iterator[str]:
    measured = [program for program in found.programs if program.measured]
    cost = measured[0].cost
    at_once = "" if found.workers < 2 else f", {found.workers} workers at once"
    yield (
        f"measured   {_plural(len(measured), 'program')} on {cost.device}{at_once}: "
        f"{_range([p.cost.timed_steps for p in measured])} of "
        f"{_range([p.cost.steps for p in measured])} steps of an epoch, "
        f"{_range([p.cost.timed_slices for p in measured])} of "
        f"{_range([p.cost.slices for p in measured])} slices of a count, and what is written"
        + _together(measured)
    )
    if others := len(found.programs) - len(measured):
        yield (
            f"           {_plural(others, 'program')} (marked *) not measured: "
            "told from the others by the fields in which they differ"
        )
    if missing := dict.fromkeys(name for p in measured for name in p.cost.unmeasured):
        yield f"           not in the times, since they take too long to try: {', '.join(missing)}"


def _together(programs: Sequence[ProgramForecast]) -> str:
    together = [program.cost.together for program in programs]
    return f"; {_range(together)} runs trained as one" if max(together) > 1 else ""


def _table(programs: Sequence[ProgramForecast]) -> list[str]:
    head = ("program", "runs", "parameters", "epoch", "evaluation", "count", "first run", "a run")
    rows = [head] + [
        (
            program.name + " *" * (not program.measured),
            f"{program.runs:,}",
            f"{program.cost.parameters:,}",
            *(seconds(each) for each in (
                program.cost.epoch, program.cost.evaluation, program.cost.count,
            )),
            f"+ {seconds(program.cost.once)}",
            seconds((program.seconds.total - program.cost.once) / program.runs),
        )
        for program in programs[:_MOST_ROWS]
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    if len(programs) > _MOST_ROWS:
        lines.append(f"... and {len(programs) - _MOST_ROWS} programs more")
    return [f"  {line}" for line in lines]


def _memory(found: Forecast) -> str:
    costs = [program.cost for program in found.programs]
    parts = []
    if sizes := [cost.program for cost in costs if cost.program is not None]:
        parts.append(f"{size(max(sizes))} for the largest program of an epoch and its data")
    peaks = [cost.peak for cost in costs if cost.peak is not None]
    if peaks:
        parts.append(f"{size(max(peaks))} in all while it was measured")
    if (room := min((c.room for c in costs if c.room is not None), default=None)) is not None:
        parts.append(f"{size(room)} are there")
        if peaks and found.workers > 1 and max(peaks) * found.workers > room:
            parts.append(f"TOO LITTLE for {found.workers} workers: lower executor.workers")
    return f"memory     {'; '.join(parts) or 'the system does not say'}"


def _disk(found: Forecast, path: Path) -> str:
    disk = found.disk
    named = (
        ("checkpoints", disk.checkpoints), ("figures", disk.figures), ("records", disk.records),
        ("compiled programs", disk.compilations),
    )  # fmt: skip
    parts = ", ".join(f"{name} {size(value)}" for name, value in named if value)
    text = f"disk       {size(disk.total)} ({parts}); {size(disk.free)} are free"
    return f"{text}: TOO LITTLE" if disk.total > disk.free else text


def _time(found: Forecast) -> Iterator[str]:
    work = found.work.total
    yield f"work       {seconds(work)}: {shares(found.work)}"
    if not found.workers:
        yield (
            f"time       the longest run takes {seconds(found.longest)}; all at once take as long, "
            f"n at once {seconds(work)} / n"
        )
        return
    many = f"{found.workers} workers" if found.workers > 1 else "one worker"
    yield (
        f"time       {seconds(found.seconds)} = {found.seconds / 3600:.3g} hours with {many} "
        f"(executor {found.executor}), beside the report"
    )


def shares(spent: Seconds) -> str:
    """Returns what time is spent on, the most first.

    Example:
        >>> shares(Seconds(training=30, counting=10))
        'training 75 %, counting 25 %'
    """
    parts = sorted(vars(spent).items(), key=lambda part: -part[1])
    total = spent.total or 1.0
    return ", ".join(f"{name} {100 * part / total:.0f} %" for name, part in parts if part > 0)


def seconds(number: float) -> str:
    """A time in words.

    Example:
        >>> seconds(0.0123), seconds(5), seconds(90), seconds(5400), seconds(400000)
        ('0.012 s', '5 s', '1.5 min', '1.5 h', '4.6 days')
    """
    for name, unit in (("days", 86400), ("h", 3600), ("min", 60)):
        if number >= (2 * unit if name == "days" else unit):
            return (
                f"{number / unit:.2g} {name}"
                if number < 99 * unit
                else f"{number / unit:.0f} {name}"
            )
    return f"{number:.2g} s" if number else "0 s"


def size(number: float) -> str:
    """Bytes in words.

    Example:
        >>> size(0), size(2048), size(3.5 * 2**30)
        ('0 KiB', '2 KiB', '3.5 GiB')
    """
    for name, unit in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number / 1024:.3g} KiB"


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _plural(number: int, name: str) -> str:
    return f"{number:,} {name}{'s' * (number != 1)}"
