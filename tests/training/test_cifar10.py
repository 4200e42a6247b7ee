"""The paper's config on a tiny CIFAR-10 in the real layout on disk, without a network."""

import json

from ..data.tiny_cifar import make_archive
from .small_runs import REPOSITORY, launch

SMALL = {
    "network": "mlp",
    "width": 8,
    "epochs": 2,
    "batch_size": 64,
    "random_crop": "true",
    "random_flip": "true",
    "precision": "bfloat16",
    "regions.every": 1,
    "regions.slices": 4,
    "regions.points": 10,
}


def arguments(data_dir, workdir):
    overrides = [f"--config.{name}={value}" for name, value in SMALL.items()]
    config = REPOSITORY / "configs" / "cifar10.py"
    return [
        "launch.py", f"--config={config}", f"--workdir={workdir}",
        f"--config.data_dir={data_dir}", *overrides,
    ]  # fmt: skip


def test_prepared_data_are_trained_on(tmp_path, capsys):
    from rcjax.data.prepare import prepare

    archive = tmp_path / "cifar-10-binary.tar.gz"
    make_archive(archive, train=100, test=30)
    prepare("cifar10", archives=[archive], data_dir=tmp_path / "data", checksum=False)
    outcome = launch(capsys, arguments(tmp_path / "data", tmp_path / "run"))
    assert outcome.code == 0, outcome.err
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert [entry["epoch"] for entry in record["history"]] == [0, 1, 2]
    assert "100 training images" in outcome.out


def test_unprepared_data_are_refused_with_the_way_out(tmp_path, capsys):
    outcome = launch(capsys, arguments(tmp_path / "data", tmp_path / "run"))
    assert outcome.code == 2
    last_line = outcome.err.splitlines()[-1]  # before it: that a download is tried
    assert last_line.startswith("error: ")
    assert "python -m rcjax.data.prepare cifar10" in last_line
    assert not (tmp_path / "run").exists()
