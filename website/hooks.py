"""What mkdocs adds to docs/: pages that lie elsewhere, and the API."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
# Pages of the site by the file that they are.
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
API = {
    "counting": ("Counting", [
        "rcjax.regions.count_regions", "rcjax.regions.classifier.on_host",
        "rcjax.regions.RegionCounts", "rcjax.regions.NetworkCounts", "rcjax.regions.compare",
        "rcjax.regions.PairedComparison", "rcjax.regions.count_until",
        "rcjax.regions.convergence.convergence", "rcjax.regions.convergence.Convergence",
        "rcjax.regions.agreement.agreement", "rcjax.regions.agreement.Agreement",
        "rcjax.regions.join_intervals",
    ]),
    "slices": ("Slices", ["rcjax.regions.slices"]),
    "plotting": ("Pictures", ["rcjax.plotting.draw_slice"]),
    "models": ("Networks", [
        "rcjax.models.create", "rcjax.models.functional", "rcjax.models.predictor",
        "rcjax.models.load_torch_checkpoint", "rcjax.models.load_torch_state_dict",
    ]),
    "training": ("Training and studies", [
        "rcjax.training.train", "rcjax.study.run_study", "rcjax.study.run_analysis",
        "rcjax.data.load", "rcjax.data.Dataset", "rcjax.measures.compute",
    ]),
    "statistics": ("Statistics", [
        "rcjax.statistics.analyze", "rcjax.statistics.read_table", "rcjax.statistics.Options",
        "rcjax.statistics.Row", "rcjax.statistics.pearson", "rcjax.statistics.spearman",
        "rcjax.statistics.kendall", "rcjax.statistics.granulated_kendall",
        "rcjax.statistics.partial_correlation", "rcjax.statistics.conditional_mutual_information",
    ]),
}  # fmt: skip
# The site fetches nothing from elsewhere.
BADGES = re.compile(r"^.*https://img\.shields\.io.*\n", re.MULTILINE)
LINK = re.compile(r"(!?\[[^\]]*\])\((?!https?:|#)([^)#\s]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    for source, place in ELSEWHERE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        text = BADGES.sub("", text)
        files.append(File.generated(config, place, content=_placed(text, Path(source), place)))
    for name, (title, members) in API.items():
        text = "\n\n".join([f"# {title}", *(f"::: {member}" for member in members)])
        files.append(File.generated(config, f"api/{name}.md", content=text + "\n"))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links out of docs/ into links to the pages that take their place."""
    place = page.file.src_uri
    if page.file.generated_by or place.endswith(".py"):
        return markdown
    return _placed(markdown, Path("docs") / place, place)


def _placed(markdown: str, source: Path, place: str) -> str:
    """The text of a file of the repository as the page `place` of the site.

    A link to a file that is no page of the site becomes its text.
    """

    def replaced(found: re.Match[str]) -> str:
        text, target, heading = found[1], found[2], found[3] or ""
        path = (ROOT / source.parent / target).resolve().relative_to(ROOT).as_posix()
        if (ROOT / path).is_dir():
            return text[1:-1]
        if path in ELSEWHERE:
            path = ELSEWHERE[path]
        elif path.startswith("docs/"):
            path = path.removeprefix("docs/")
        else:
            return f"{text[1:-1]} (`{path}`)" if "`" not in text else text[1:-1]
        up = "../" * place.count("/")
        return f"{text}({up}{path}{heading})"

    return LINK.sub(replaced, markdown)
