"""Reading ahead in the background with grain: in threads of this process, or in processes."""

import os
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar

# Examples that a thread decodes at a time: enough that handing them over costs nothing beside it.
_CHUNK = 32
_AHEAD = 4  # chunks that wait, for each thread or process


@dataclass(frozen=True)
class Readers:
    """The threads or processes that read.

    Attributes:
        processes: how many processes decode; 0 decodes in threads of this one.
        threads: how many threads in each process; 0 takes as many as there are cores.
    """

    processes: int = 0
    threads: int = 0


def batch_chunks(examples: int, batch_size: int, first: int) -> list[tuple[int, int]]:
    """Divides batches into chunks, none of which reaches into two batches.

    Args:
        examples: how many there are.
        batch_size: examples in a batch, but for the last.
        first: the batch to begin with.

    >>> batch_chunks(100, 40, 1)
    [(40, 72), (72, 80), (80, 100)]
    """
    return [
        (start, min(start + _CHUNK, end))
        for batch in range(first * batch_size, examples, batch_size)
        for end in [min(batch + batch_size, examples)]
        for start in range(batch, end, _CHUNK)
    ]


T_co = TypeVar("T_co", covariant=True)


class Readable(Protocol[T_co]):
    """Items that can be read at any place. To be read by processes, it must pickle."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> T_co: ...


def read_in_background(items: Readable[T_co], readers: Readers) -> Generator[T_co]:
    """Yields `items[0]`, `items[1]`, ..., in this order whoever reads.

    Args:
        items: read one after the other.
        readers: threads or processes that read.

    Raises:
        The errors of `items`.
    """
    import grain

    threads = readers.threads or os.cpu_count() or 1
    if readers.processes:
        threads = max(1, threads // readers.processes)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=_AHEAD * threads)
    dataset = grain.MapDataset.source(items).to_iter_dataset(options)
    if readers.processes:
        _mark_flags_as_parsed()
        dataset = dataset.mp_prefetch(
            grain.MultiprocessingOptions(readers.processes, per_worker_buffer_size=_AHEAD)
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
