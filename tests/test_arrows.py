"""Who may import whom: the arrows of the project, held by reading the import statements."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "rcjax"

# Subpackage (or module) of rcjax: what else of rcjax it may import.
ALLOWED = {
    "regions": set(),
    "errors": set(),
    "fields": set(),
    "configuration": {"errors", "fields"},
    "models": {"errors"},
    "data": {"errors"},
    "plotting": {"errors", "regions"},
    "measures": {"errors", "regions", "models", "data"},
    "training": {
        "errors", "fields", "configuration", "regions", "models", "data", "measures", "plotting",
    },
    "study": {
        "errors", "fields", "configuration", "regions", "models", "data", "measures", "plotting",
        "training",
    },
}  # fmt: skip
HEAVY = (
    "absl", "flax", "jinja2", "matplotlib", "optax", "orbax", "sklearn", "tensorflow_datasets",
    "torch", "tqdm",
)  # fmt: skip


def imported_modules(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, at its top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # "from rcjax import data" imports rcjax.data.
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def parts_of_rcjax(path: Path) -> set[str]:
    """The subpackages (or modules) of rcjax that a file imports."""
    public = {"count_regions", "slices", "on_host", "RegionCounts", "compare", "PairedComparison"}
    parts = {name.split(".")[1] for name in imported_modules(path) if name.startswith("rcjax.")}
    return {"regions" if part in public else part for part in parts}


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_parts_import_only_what_lies_below(part):
    files = sorted((PACKAGE / part).rglob("*.py")) or [PACKAGE / f"{part}.py"]
    for path in files:
        if path.exists():
            assert parts_of_rcjax(path) - {part} <= ALLOWED[part], path


def test_every_part_has_its_arrows():
    parts = {
        path.stem if path.is_file() else path.name
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert parts - {"__init__", "launch"} <= set(ALLOWED)


def test_the_core_imports_jax_and_numpy_only():
    allowed = {"jax", "numpy", "rcjax", *sys.stdlib_module_names}
    for path in (PACKAGE / "regions").rglob("*.py"):
        assert {name.split(".")[0] for name in imported_modules(path)} <= allowed, path


def test_configs_import_ml_collections_only():
    for path in (REPOSITORY / "configs").glob("*.py"):
        assert {name.split(".")[0] for name in imported_modules(path)} <= {"ml_collections"}, path


def test_importing_rcjax_is_light():
    program = "import sys, rcjax; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in result.stdout.split()}
    assert {"jax", "numpy"} <= loaded
    assert not loaded & set(HEAVY)
