"""Reading ahead in the background with grain: in threads of this process, or in processes."""

import os
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

# Examples that a thread decodes at a time: enough that handing them over costs nothing beside it.
_CHUNK = 32
_AHEAD = 4  # chunks that wait, for each thread or process


@dataclass(frozen=True)
class Reading:
    """Who reads.

    Attributes:
        processes: how many processes decode; 0 decodes in threads of this one.
        threads: how many threads in each process; 0 takes as many as there are cores.
    """

    processes: int = 0
    threads: int = 0


def chunks_of(examples: int, batch_size: int, first: int) -> list[tuple[int, int]]:
    """Divides batches into chunks, none of which reaches into two batches.

    Arguments:
        examples: how many there are.
        batch_size: examples in a batch, but for the last.
        first: the batch to begin with.

    >>> chunks_of(100, 40, 1)
    [(40, 72), (72, 80), (80, 100)]
    """
    return [
        (start, min(start + _CHUNK, end))
        for batch in range(first * batch_size, examples, batch_size)
        for end in [min(batch + batch_size, examples)]
        for start in range(batch, end, _CHUNK)
    ]


class Source(Protocol):
    """What can be read at any place. For processes it must be possible to pickle it."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> Any: ...


def read_in_background(source: Source, reading: Reading) -> Generator[Any]:
    """Yields `source[0]`, `source[1]`, ..., in this order whoever reads.

    Arguments:
        source: what is read.
        reading: who reads.

    Raises:
        What `source` raises.
    """
    import grain

    threads = reading.threads or os.cpu_count() or 1
    if reading.processes:
        threads = max(1, threads // reading.processes)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=_AHEAD * threads)
    dataset = grain.MapDataset.source(source).to_iter_dataset(options)
    if reading.processes:
        _mark_flags_as_parsed()
        dataset = dataset.mp_prefetch(
            grain.MultiprocessingOptions(reading.processes, per_worker_buffer_size=_AHEAD)
        )
    iterator = iter(dataset)
    try:
        yield from iterator
    finally:
        iterator.close()


def _mark_flags_as_parsed() -> None:
    """grain's processes read flags of absl; outside of an absl program nobody has parsed them."""
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
