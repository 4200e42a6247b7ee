"""Who may import whom: the arrows of the project, held by reading the import statements."""

import ast
import collections
import graphlib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import rcjax

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "rcjax"

# Room (subpackage or module) of rcjax: the rooms it may import, and why it needs them.
# Every room may import array_types: shapes in signatures are words, not parts.
ALLOWED: dict[str, dict[str, str]] = {
    "array_types": {},
    "terminal": {},
    "process": {"terminal": "standard output must not change the exit code"},
    "__main__": {
        "process": "a command answers Ctrl-C while it still loads",
        "launch": "it is the command line",
        "extras": "a bare installation has no commands",
        "terminal": "it says so",
    },
    "extras": {"errors": "an extra that is missing is the user's to mend"},
    "regions": {
        "errors": "what a user can mend is told from a classifier's own failures",
        "outside": "results come back from files",
        "terminal": "a long count says how far it is",
    },
    "errors": {},
    "outside": {"errors": "a file that cannot be opened is the user's to mend"},
    "config": {
        "errors": "a wrong field is the user's to mend",
        "outside": "a config file may lie below ~",
    },
    "models": {
        "outside": "weights come in files of other programs",
        "errors": "an unknown network is the user's to mend",
    },
    "data": {
        "outside": "data sets come in files of other people",
        "errors": "a damaged file is the user's to mend",
        "extras": "some data sets lie in packages that are optional",
        "process": "preparing data is a command, too",
        "terminal": "a download says that it begins",
    },
    "plotting": {"regions": "pictures of slices evaluate the classifier as the counter does"},
    "measures": {
        "errors": "a network that cannot be measured is the user's to mend",
        "regions": "the path norm walks a traced network as the exact count does",
        "models": "norms of layers follow the layers of our networks",
    },
    "runtime": {
        "config": "a folder belongs to one config",
        "errors": "a folder that cannot be used is the user's to mend",
        "outside": "a workdir may begin with ~",
        "terminal": "a signal is answered with a line",
    },
    "statistics": {
        "config": "columns of a table bear the names of config fields",
        "errors": "a table that cannot be read is the user's to mend",
        "outside": "tables come in files of other programs",
    },
    "report": {
        "statistics": "the report shows statistics",
        "plotting": "its figures share one style with the pictures of slices",
        "runtime": "its files are written whole or not at all",
        "errors": "an earlier report may be damaged",
    },
    "training": {
        "config": "a run is made from a config",
        "regions": "regions are counted while a network trains",
        "models": "it trains networks",
        "data": "it trains on data sets",
        "plotting": "its pictures share colours and settings with those of slices",
        "outside": "a run may begin with weights from another program",
        "runtime": "a run has a folder and may be interrupted",
        "terminal": "a run says what it does",
        "errors": "a run that cannot be made is the user's to mend",
    },
    "study": {
        "config": "a grid is made of config fields",
        "data": "measures are taken on a run's data set",
        "measures": "runs are measured after training",
        "outside": "lines of records come back from files",
        "regions": "the report names the connectivity of the counter",
        "report": "a study ends with a report",
        "runtime": "a study has a folder and may be interrupted",
        "statistics": "runs become rows of the statistics",
        "terminal": "a study says what it does",
        "training": "a study is made of training runs",
        "errors": "a study that cannot be made is the user's to mend",
    },
    "edge_of_stability": {
        "config": "its config is checked field by field",
        "data": "its images are prepared data sets",
        "measures": "sharpness is the largest eigenvalue of the Hessian",
        "regions": "it counts regions of small networks",
        "plotting": "its figures ignore the user's settings as all figures do",
        "runtime": "the experiment has a folder and may be interrupted",
        "terminal": "the experiment says what it does",
        "errors": "a config that cannot be run is the user's to mend",
    },
    "experiments": {
        "edge_of_stability": "one of the experiments",
        "study": "one of the experiments",
        "runtime": "every experiment computes with settings of its own",
        "errors": "an unknown experiment is the user's to mend",
    },
    "launch": {
        "config": "the command line names a config",
        "experiments": "it runs the experiment of the config",
        "runtime": "a damaged compilation cache is mended, whatever the experiment",
        "terminal": "it says how a command ended",
        "training": "a config without an experiment is one training run",
        "errors": "every error of the user's ends in one line",
    },
}
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


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_imported_by(path: Path) -> set[str]:
    """The rooms that a file imports. What `rcjax` itself names comes from `rcjax.regions`."""
    parts = {name.split(".")[1] for name in imported_modules(path) if name.startswith("rcjax.")}
    return {"regions" if part in rcjax.__all__ else part for part in parts}


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_rooms_import_only_what_lies_below(room):
    files = sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / f"{room}.py"]
    for path in files:
        assert rooms_imported_by(path) - {room, "array_types"} <= set(ALLOWED[room]), path


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_every_allowed_arrow_is_there(room):
    files = sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / f"{room}.py"]
    assert set(ALLOWED[room]) <= set().union(*map(rooms_imported_by, files))


def test_every_room_has_its_arrows():
    files = set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"}
    assert {room_of(path) for path in files} == set(ALLOWED)


def test_arrows_between_rooms_make_no_circle():
    graphlib.TopologicalSorter(ALLOWED).prepare()  # raises CycleError


def test_files_import_each_other_in_no_circle():
    modules = {module_of(path): path for path in PACKAGE.rglob("*.py")}
    arrows = {
        module: {name for name in imported_modules(path) | parents_of(path) if name in modules}
        for module, path in modules.items()
        if path.name != "__init__.py"
    }
    graphlib.TopologicalSorter(arrows).prepare()


def test_no_room_holds_more_than_a_fifth_of_the_lines():
    """The folders of the core are rooms of their own: each can be read, and tested, by itself."""
    lines = collections.Counter()
    for path in PACKAGE.rglob("*.py"):
        folder = path.parent.relative_to(PACKAGE)
        room = str(folder) if folder.parts[:1] == ("regions",) else room_of(path)
        lines[room] += len(path.read_text(encoding="utf-8").splitlines())
    for room, count in lines.items():
        assert count <= lines.total() / 5, room


def module_of(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parents_of(path: Path) -> set[str]:
    """The modules that a file names in `from MODULE import ...`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def names_past_a_face(path: Path) -> list[str]:
    """What a file imports out of a package that it does not belong to, and that its face hides."""
    package = module_of(path.parent / "__init__.py")
    hidden = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.ImportFrom) and str(node.module).startswith("rcjax.")):
            continue
        source = str(node.module)
        if (PACKAGE.parent / source.replace(".", "/")).is_dir():
            face = importlib.import_module(source).__all__
            private = [alias.name for alias in node.names if alias.name not in face]
        else:
            source, private = source.rpartition(".")[0], [alias.name for alias in node.names]
        if source != "rcjax" and not f"{package}.".startswith(f"{source}."):
            hidden += [f"{source}: {name}" for name in private]
    return hidden


def test_packages_are_used_through_their_faces():
    hidden = {str(path): names_past_a_face(path) for path in sorted(PACKAGE.rglob("*.py"))}
    assert {path: names for path, names in hidden.items() if names} == {}


def test_the_core_imports_jax_and_numpy_only():
    allowed = {"jax", "numpy", "rcjax", *sys.stdlib_module_names}
    for path in (PACKAGE / "regions").rglob("*.py"):
        assert {name.split(".")[0] for name in imported_modules(path)} <= allowed, path


def test_configs_import_ml_collections_only():
    for path in (REPOSITORY / "configs").glob("*.py"):
        assert {name.split(".")[0] for name in imported_modules(path)} <= {"ml_collections"}, path


def test_importing_rcjax_is_light():
    loaded = modules_loaded_by("from rcjax import count_regions, on_host, slices")
    assert {"jax", "numpy"} <= loaded
    assert not loaded & set(HEAVY)


def test_a_command_loads_nothing_before_it_answers_signals():
    loaded = modules_loaded_by("import rcjax.__main__")
    assert loaded - {"rcjax"} <= sys.stdlib_module_names | modules_loaded_by("pass")


def modules_loaded_by(statement: str) -> set[str]:
    """The packages that are loaded after a statement."""
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; {statement}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in result.stdout.split()}


def test_every_line_for_the_user_goes_through_the_terminal_room():
    # The worker answers its driver by printing to a file of its own.
    elsewhere = {PACKAGE / "study" / "executors" / "worker.py"}
    for path in set(PACKAGE.rglob("*.py")) - elsewhere:
        calls = [
            node.func
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
        ]
        assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"], (
            path
        )
