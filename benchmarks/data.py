"""Pictures a second that streaming decodes, and what training asks for.

    python benchmarks/data.py [--pictures=600] [--processes=0,1,2] [--threads=1,2,4] [--width=64]

Makes JPEGs of ImageNet's usual size (500 x 375) in folders of classes, then reads them as training
does (random part, mirrored) and as evaluation does, with threads of this process and with worker
processes. Then trains an epoch of ResNet18 for ImageNet, of `--width` channels, once from the
stream and once on one batch that is there already: what they differ by is waiting for pictures.
Reading is from the file cache: a slow disk or network is not measured.
"""

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import machine, spread
from ml_collections import ConfigDict
from PIL import Image

from rcjax.config.loading import complete
from rcjax.data import ImageStream, open_stream
from rcjax.data.streamed.image_stream import Cropping, batches, epoch_order
from rcjax.data.streamed.read_ahead import Readers
from rcjax.training.streaming import StreamedExperiment


def make_pictures(root: Path, count: int) -> None:
    """JPEGs of about 100 kB, as photographs of this size have: smooth shapes with some noise."""
    random = np.random.default_rng(0)
    for split, of_split in (("train", count), ("val", 2)):
        for number in range(of_split):
            folder = root / split / f"class{number % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3)).astype(np.uint8))
            shapes = np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC), np.int16)
            noisy = (shapes + random.integers(-20, 21, shapes.shape)).clip(0, 255)
            Image.fromarray(noisy.astype(np.uint8)).save(folder / f"{number}.jpg", quality=85)


def decoding_rates(stream: ImageStream, readers: Readers, training: bool, repeats: int) -> list:
    """Pictures a second, after the first batch: starting threads and processes is not counted."""
    rates = []
    for epoch in range(repeats):
        cropping = Cropping(training, training, 0, epoch)
        order = epoch_order(stream.train_size, 0, epoch)
        with contextlib.closing(
            batches(stream.train, order, 64, cropping=cropping, readers=readers)
        ) as source:
            next(source)
            start = time.perf_counter()
            count = sum(len(batch.labels) for batch in source)
            rates.append(count / (time.perf_counter() - start))
    return rates


def training_rates(stream: ImageStream, width: int, batch_size: int, processes: int) -> None:
    """Prints images a second of training from the stream, and from a batch that is there."""
    config = complete(
        ConfigDict(
            {
                "dataset": stream.name,
                "network": "resnet18_imagenet",
                "width": width,
                "batch_size": batch_size,
                "random_crop": True,
                "random_flip": True,
                "streaming": {"processes": processes, "checkpoint_steps": 0},
                "regions": {"slices": 2},
            }
        )
    )
    experiment = StreamedExperiment(config, stream)
    state = experiment.initial_state()
    print(f"compiled a step in {experiment.compile(state):.1f} s")
    from_disk = experiment._batches_of
    with contextlib.closing(from_disk(0, 0)) as source:
        batch = next(source)
    steps = stream.train_size // batch_size
    sources = {"one batch, again and again": lambda epoch, first: repeated(batch, steps)}
    sources["from the stream"] = from_disk
    for name, source in sources.items():
        experiment._batches_of = source
        start = time.perf_counter()
        for part in experiment.epoch_in_parts(state, 0, None, lambda: False):
            state = part.state
        seconds = time.perf_counter() - start
        print(f"training, {name:<28} {steps * batch_size / seconds:.1f} images a second")


def repeated(batch, steps: int):
    """The same batch, as a generator that can be closed."""
    for _ in range(steps):
        yield batch


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--image_size", type=int, default=224)
    parser.add_argument("--processes", default="0,1,2", help="0: threads of this process")
    parser.add_argument("--threads", default="1,2,4", help="of this process, where it decodes")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=64)
    arguments = parser.parse_args()
    print(machine())
    pools = [Readers(0, int(threads)) for threads in arguments.threads.split(",")]
    pools += [Readers(int(n)) for n in arguments.processes.split(",") if int(n)]
    with tempfile.TemporaryDirectory() as folder:
        make_pictures(Path(folder), arguments.pictures)
        files = list(Path(folder).rglob("*.jpg"))
        size = np.mean([file.stat().st_size for file in files]) / 1000
        print(f"{len(files)} JPEGs of 500 x 375 pixels, {size:.0f} kB on average")
        stream = open_stream(f"stream:{folder}", image_size=arguments.image_size)
        print(f"\n{'who decodes':<24} {'training parts a second':<32} middles a second")
        for readers in pools:
            who = f"{readers.processes} processes" if readers.processes else ""
            who = who or f"{readers.threads} threads"
            training, middle = (
                spread(decoding_rates(stream, readers, kind, arguments.repeats))
                for kind in (True, False)
            )
            print(f"{who:<24} {training:<32} {middle}")
        print()
        training_rates(stream, arguments.width, arguments.batch_size, pools[-1].processes)


if __name__ == "__main__":
    main()
