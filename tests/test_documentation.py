"""Every Python snippet of the documentation and every docstring example runs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import rcjax

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SNIPPET = re.compile(r"(?:<!-- needs: (\w+) -->\n)?```python\n(.*?)```", re.DOTALL)
# Packages whose functions carry no examples or cannot be imported on their own.
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(rcjax.__path__, "rcjax.")
    if not module.name.endswith("__main__")
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
    for example in examples:
        results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
        assert results.failed == 0, f"{example.name}: see the output above"
