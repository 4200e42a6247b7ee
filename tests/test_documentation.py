"""Every Python snippet of the documentation and every docstring example runs."""

import doctest
import importlib
import pkgutil
import re
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
SNIPPET = re.compile(r"(?:<!-- needs: (\w+) -->\n)?```python\n(.*?)```", re.DOTALL)
# What the changelog says has moved.
FORMER_NAMES = {"rcjax.study.statistics", "rcjax.study.table.read_table", "rcjax.configuration"}
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)")
# Found in the text, since importing every module to look for examples takes seconds.
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def run_page(page: Path, wanted: set[str]) -> int:
    """Runs the snippets of a page in one namespace; returns how many needed a wanted package."""
    namespace: dict = {}
    special = 0
    for needs, code in SNIPPET.findall(page.read_text()):
        if needs and needs not in wanted:
            continue
        special += bool(needs)
        exec(compile(code, str(page), "exec"), namespace)
    return special


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
    run_page(page, {"equinox"})


@pytest.mark.torch
def test_snippets_with_pytorch_run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run_page(ROOT / "docs" / "own_model.md", {"torch"}) == 1


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    module = importlib.import_module(name)
    examples = [e for e in doctest.DocTestFinder(exclude_empty=True).find(module) if e.examples]
    assert examples
    for example in examples:
        results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
        assert results.failed == 0, f"{example.name}: see the output above"
