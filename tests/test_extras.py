"""What an installation needs: every import is declared, and the core runs bare."""

import ast
import functools
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rcjax import extras

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
MODULES = sorted(
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
    for path in (REPOSITORY / "rcjax").rglob("*.py")
    if path.parent.name != "prepare" or path.stem != "__main__"  # runs when it is imported
)
BARE = ("regions", "errors", "array_types", "outside", "terminal", "process", "extras")

IMPORT_EACH = """
import importlib, importlib.abc, sys
hidden, modules = map(str.split, sys.argv[1:])

class Hidden(importlib.abc.MetaPathFinder):
    '''Does not find some packages, as if they were not installed.'''
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name in hidden else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Hidden(finder) for finder in sys.meta_path]
failed = {}
for module in modules:
    parent = module.rpartition(".")[0]
    try:
        if parent not in failed:  # a package that fails fails its modules alike
            importlib.import_module(module)
    except Exception as error:
        failed[module] = f"{type(error).__name__}: {error}"
    if parent in failed:
        failed[module] = failed[parent]
for module, text in failed.items():
    print(f"{module}: {text}")
"""


# Reads the lists of files of all that is installed.
packages_distributions = functools.cache(importlib.metadata.packages_distributions)


def canonical(requirement: str) -> str:
    """The name of a distribution in a requirement, as it is compared."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def declared(*names_of_extras: str) -> set[str]:
    """The distributions that the bare package and some extras name."""
    names = {canonical(text) for text in PROJECT["dependencies"]}
    for extra in names_of_extras:
        for text in EXTRAS[extra]:
            inner = re.fullmatch(r"rcjax\[(.*)\]", text)
            names |= declared(*inner[1].split(",")) if inner else {canonical(text)}
    return names


def with_what_they_need(names: set[str]) -> set[str]:
    """Distributions and all that they require, as far as it is installed."""
    found, waiting = set(), set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting |= {canonical(text) for text in needs if "extra ==" not in text} - found
    return found


@functools.cache
def imported_by(folder: str) -> set[str]:
    """Packages that the files of a folder name in import statements."""
    names: set[str] = set()
    for path in (REPOSITORY / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(str(node.module).split(".")[0])
    return names - set(sys.stdlib_module_names) - {"rcjax"}


@pytest.mark.parametrize(
    ("folder", "named"),
    [
        ("rcjax", ("all",)),
        ("rcjax/plotting", ("plots",)),
        ("configs", ("train",)),
        ("tests", ("all", "test", "test-torch")),
    ],
)
def test_every_import_is_declared(folder, named):
    homes = packages_distributions()
    names = declared(*named)
    for package in imported_by(folder) - {"tests", "jaxtyping"}:
        owners = {canonical(owner) for owner in homes.get(package, [package])}
        assert owners & names, f"{package} of {folder} is in no extra of {named}"


def test_every_import_beyond_the_core_names_its_extra():
    # These are imported where their absence has a line of its own.
    apart = {"jax", "numpy", "jaxtyping", "ray"}
    assert imported_by("rcjax") - apart == set(extras.EXTRA_OF)


def test_all_holds_every_extra_that_goes_with_every_other():
    apart = {"all", "test", "test-torch", "test-models", "docs", "cuda12", "cuda13", "tpu"}
    assert set().union(*(declared(e) for e in set(EXTRAS) - apart)) == declared("all")


def what_fails(installed: tuple[str, ...], modules: list[str]) -> list[str]:
    """Lines "module: kind: text" of the modules that cannot be imported with some extras alone."""
    needed = with_what_they_need(declared(*installed)) | {"rcjax"}
    homes = packages_distributions()
    hidden = [p for p, owners in homes.items() if not {canonical(o) for o in owners} & needed]
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH, " ".join(hidden), " ".join(modules)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "RCJAX_CHECK_ARRAYS": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return result.stdout.splitlines()


def test_the_core_imports_bare_and_the_rest_names_the_extra():
    failed = dict(line.split(": ", 1) for line in what_fails((), MODULES))
    for module in MODULES:
        room = module.split(".")[1] if "." in module else "errors"
        assert module not in failed or room not in BARE, failed[module]
    assert {"rcjax.models", "rcjax.training", "rcjax.launch", "rcjax.report"} < set(failed)
    for module, text in failed.items():
        assert re.search(r'MissingExtraError: .*pip install "rcjax\[\w+\]"$', text), (module, text)


@pytest.mark.slow
def test_plots_need_their_extra_alone():
    rooms = [m for m in MODULES if m.startswith(("rcjax.plotting", "rcjax.regions"))]
    assert what_fails(("plots",), rooms) == []


@pytest.mark.slow
def test_every_module_imports_with_the_extra_of_training():
    assert what_fails(("train",), MODULES) == []
