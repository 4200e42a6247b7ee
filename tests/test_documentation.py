"""Every Python snippet of the documentation and every docstring example runs."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
from importlib import metadata
from pathlib import Path

import jax
import pytest

import rcjax

pytestmark = pytest.mark.usefixtures("quick_compilation")
ROOT = Path(__file__).parent.parent
PACKAGE = Path(rcjax.__file__).parent  # in the checkout, or where a plain install put it
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
SNIPPET = re.compile(r"(?:<!-- needs: ([\w ]+) -->\n)?```python\n(.*?)```", re.DOTALL)
MODELS_PAGE = ROOT / "docs" / "own_model.md"
OWN_MODEL = SNIPPET.findall(MODELS_PAGE.read_text(encoding="utf-8"))
IN_THE_TESTS = {"equinox", "pandas"}
# The first library that a snippet names.
LIBRARIES = sorted({needs.split()[0] for needs, _ in OWN_MODEL if needs} - IN_THE_TESTS)
# What the changelog says has moved.
FORMER_NAMES = {"rcjax.study.statistics", "rcjax.study.table.read_table", "rcjax.configuration"}
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)")
# Found in the text, since importing every module to look for examples takes seconds.
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def run_page(page: Path, installed: set[str]) -> None:
    """Runs the snippets of a page that need no other library, in one namespace."""
    namespace: dict = {}
    for needs, code in SNIPPET.findall(page.read_text(encoding="utf-8")):
        if set(needs.split()) <= installed:
            run_snippet(code, page, namespace)


def run_snippet(code: str, page: Path, namespace: dict) -> None:
    exec(compile(code, str(page), "exec"), namespace)


@pytest.fixture(autouse=True)
def ranks_promoted_as_users_do():
    with jax.numpy_rank_promotion("allow"):  # points @ weights + bias
        yield


def headings(page: Path) -> set[str]:
    """The anchors that a page's headings make, as the common renderers of Markdown name them."""
    lines = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
        assert not heading or heading in headings(page.parent / target), f"{target}#{heading}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_of_rcjax_in_a_page_exist(page):
    text = page.read_text(encoding="utf-8")
    for name in set(re.findall(r"`(rcjax(?:\.\w+)+)`", text)) - FORMER_NAMES:
        assert pkgutil.resolve_name(name) is not None, name
    for path in set(re.findall(r"`((?:rcjax|tests|configs|docs|benchmarks)/[\w./]+)`", text)):
        assert (ROOT / path).exists() or "NAME" in path, path


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")],
    ids=lambda page: page.name,
)
def test_snippets_run(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run_page(page, IN_THE_TESTS)


@pytest.fixture
def torchvision_imports():
    """PyPI's torchvision, made for GPUs, finds none of its operators beside a PyTorch for CPUs.

    Two of them it looks for as it is imported; a network needs neither.
    """
    installed = [importlib.util.find_spec(name) for name in ("torch", "torchvision")]
    if None in installed:
        yield
        return
    import torch

    of_a_kind = "+" in metadata.version("torchvision") or "+" not in metadata.version("torch")
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in () if of_a_kind else ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    yield


@pytest.mark.slow
@pytest.mark.usefixtures("torchvision_imports")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.filterwarnings("default")  # what other libraries warn of is theirs
def test_snippets_of_other_libraries_run(library, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # the snippet sets it, for the process
    pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    namespace: dict = {}
    for needs, code in OWN_MODEL:
        wanted = needs.split()[:1]
        if wanted == [library] or (not wanted and "on_host" in code and "create" not in code):
            run_snippet(code, MODELS_PAGE, namespace)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    module = importlib.import_module(name)
    examples = [e for e in doctest.DocTestFinder(exclude_empty=True).find(module) if e.examples]
    assert examples
    for example in examples:
        results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
        assert results.failed == 0, f"{example.name}: see the output above"
