"""The built wheel in an empty environment: it counts bare, and carries the configs."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SITE = Path(sysconfig.get_path("purelib"))
# JAX and what it requires.
CORE = ("jax", "jaxlib", "numpy", "numpy.libs", "ml_dtypes", "opt_einsum", "scipy", "scipy.libs")

COUNT = """
import numpy as np
from rcjax import count_regions, on_host
segments = np.array([[[-1.0], [1.0]], [[1.0], [2.0]]], np.float32)
print(count_regions(lambda x: (x[:, 0] > 0).astype(int), segments).counts)
print(count_regions(on_host(lambda x: np.sign(x[:, 0])), segments, points=10).counts)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy of the source: a build leaves files beside it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in ("rcjax", "configs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / folder, source / folder, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source / name)
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
        "--wheel-dir", target, source,
    )  # fmt: skip
    return next(target.glob("rcjax-*.whl"))


def run(*words, code: int = 0, **options) -> str:
    """Runs a command that must end with an exit code; returns all that it said."""
    ours = ("PYTHONPATH", "RCJAX_CHECK_ARRAYS")
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    result = subprocess.run(
        list(map(str, words)), env=clean, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, **options,
    )  # fmt: skip
    assert result.returncode == code, result.stdout
    return result.stdout


def installed(wheel: Path, folder: Path) -> tuple[Path, Path]:
    """A new environment with the wheel alone: its Python and its packages."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel)
    return python, next(folder.glob("lib/python*/site-packages"))


def test_the_bare_wheel_counts_and_says_what_training_needs(wheel, tmp_path):
    python, packages = installed(wheel, tmp_path / "environment")
    for name in CORE:
        if (SITE / name).exists():  # not a folder of its own on every system
            (packages / name).symlink_to(SITE / name)
    assert run(python, "-c", COUNT, cwd=tmp_path) == "[2 1]\n[2 1]\n"
    words = [python.parent / "rcjax", "--config=digits", "--workdir=run"]
    said = run(*words, code=2, cwd=tmp_path)
    assert said == 'error: rcjax needs absl, the extra [train]: pip install "rcjax[train]"\n'
    assert not (tmp_path / "run").exists()


def test_the_wheel_runs_its_configs_from_any_folder(wheel, tmp_path):
    python, packages = installed(wheel, tmp_path / "environment")
    (packages / "others.pth").write_text(f"{SITE}\n")  # after the wheel
    rcjax = python.parent / "rcjax"
    home = run(python, "-c", "import rcjax; print(rcjax.__file__)", cwd=tmp_path)
    assert home.startswith(str(packages))
    names = {path.stem for path in (REPOSITORY / "configs").glob("*.py")}
    assert names <= set(run(rcjax, "--help", cwd=tmp_path).split())
    words = [rcjax, "--config=digits", "--workdir=w", "--config.epochs=-1"]
    said = run(*words, code=2, cwd=tmp_path)
    assert "epochs must be at least 0" in said
    # A study's report, of the table that lies beside the configs; needs no training.
    run(rcjax, "--config=analyze:quick", "--workdir=report", cwd=tmp_path)
    assert (tmp_path / "report" / "report.html").is_file()
