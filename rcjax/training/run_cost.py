"""The cost of a run, as it was measured on parts of it, and what follows for all of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rcjax.config import RunConfig
from rcjax.data import is_streamed
from rcjax.training.seconds import Seconds


@dataclass(frozen=True)
class Disk:
    """Bytes that a run leaves.

    Attributes:
        checkpoint: one of them.
        checkpoints: those that are kept.
        figures: pictures.
        records: record, metrics and TensorBoard's events.
    """

    checkpoint: int = 0
    checkpoints: int = 0
    figures: int = 0
    records: int = 0

    @property
    def total(self) -> int:
        """All that stays."""
        return self.checkpoints + self.figures + self.records


@dataclass(frozen=True)
class RunCost:
    """Seconds and bytes of one run, measured on this machine.

    Attributes:
        parameters: numbers that are trained.
        examples: training images of an epoch.
        steps: of an epoch.
        timed_steps: steps that were timed; a whole epoch where both are equal.
        together: runs that were trained as one program; the seconds are those of one of them.
        slices: of a count.
        timed_slices: slices that were counted.
        once: what the first run of the program takes longer than a later one in the same process.
        preparing: seconds until the first epoch.
        epoch: seconds of an epoch.
        evaluation: seconds of loss and accuracy on all training and test images.
        count: seconds of one count.
        after: seconds of counting variants and of measuring, once after training.
        unmeasured: measures that took too long to be timed; they are not in `after`.
        saving: seconds of a checkpoint.
        keeping: seconds of everything else that is written: figures, record, metrics.
        disk: what stays.
        program: bytes on a device of the program of an epoch, with its data; None where the
            compiler does not say.
        peak: most bytes that were in use while this was measured: of the device, or of the process
            where it computes on a CPU; None where the system does not say.
        room: bytes of the device, or the main memory that is available; None likewise.
        device: its kind.
    """

    parameters: int
    examples: int
    steps: int
    timed_steps: int
    slices: int
    timed_slices: int
    preparing: float
    epoch: float
    evaluation: float
    count: float
    saving: float
    keeping: float
    together: int = 1
    once: float = 0.0
    after: Seconds = field(default_factory=Seconds)
    unmeasured: tuple[str, ...] = ()
    disk: Disk = field(default_factory=Disk)
    program: int | None = None
    peak: int | None = None
    room: int | None = None
    device: str = ""

    def seconds(self, config: RunConfig, done: float = 0.0) -> Seconds:
        """Returns the seconds that a run of the program has before it.

        Args:
            config: of the run.
            done: epochs that it has trained already.
        """
        counts = evaluations(config, done)
        saved = saves(config, done) + (config.epochs - done) * self._saves_within(config)
        return self.after + Seconds(
            preparing=self.preparing,
            training=(config.epochs - done) * self.epoch,
            evaluating=counts * self.evaluation,
            counting=counts * self.count,
            keeping=self.keeping + saved * self.saving,
        )

    def _saves_within(self, config: RunConfig) -> int:
        """Checkpoints within an epoch, which streamed data sets have."""
        every = config.streaming.checkpoint_steps
        return (self.steps - 1) // every if every and is_streamed(config.dataset) else 0


def evaluations(config: RunConfig, done: float = 0.0) -> int:
    """How often a run is evaluated and counted, with `done` epochs behind it.

    Example:
        >>> from rcjax.config import RegionsSection
        >>> config = RunConfig(epochs=10, regions=RegionsSection(every=4))
        >>> [evaluations(config, done) for done in (0, 3, 4, 9, 10)]
        [4, 3, 2, 1, 0]
    """
    first = 0 if done else 1
    return first + _times(config.epochs, config.regions.every, done)


def saves(config: RunConfig, done: float = 0.0) -> int:
    """How often a run saves a checkpoint, with `done` epochs behind it.

    Example:
        >>> saves(RunConfig(epochs=0)), saves(RunConfig(epochs=25, checkpoint_every=10))
        (1, 3)
    """
    return _times(config.epochs, config.checkpoint_every, done) if config.epochs else 1


def _times(epochs: int, every: int, done: float) -> int:
    """Epochs after `done` that are multiples of `every`, or the last."""
    if done >= epochs:
        return 0
    return epochs // every - int(done // every) + (epochs % every > 0)


def kept_checkpoints(config: RunConfig) -> int:
    """How many checkpoints a finished run has."""
    return min(saves(config), config.keep_checkpoints)


def cost_from(values: Mapping) -> RunCost:
    """Reads `dataclasses.asdict` of a cost after a way through JSON."""
    typed = {
        "after": Seconds(**values["after"]),
        "disk": Disk(**values["disk"]),
        "unmeasured": tuple(values["unmeasured"]),
    }
    return RunCost(**{**values, **typed})
