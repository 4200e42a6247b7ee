"""Fails where a link of the built site leads nowhere: `python website/check_links.py build/site`.

mkdocs checks the links of pages written in Markdown, not those of notebooks and of the report.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

OUTSIDE = re.compile(r"[a-z]+:|//")


def broken_links(site: Path) -> Iterator[str]:
    """Yields "page: link" for each link to a file or heading that is not there."""
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    headings = {path: set(re.findall(r'\bid="?([^"\s>]+)', text)) for path, text in pages.items()}
    for page, text in pages.items():
        for link in sorted(set(re.findall(r'(?:href|src)="([^"]+)"', text))):
            if OUTSIDE.match(link) or page.name == "404.html":  # 404.html is seen at any address
                continue
            address, _, heading = unquote(link).partition("#")
            target = (page.parent / address).resolve() if address else page
            target = target / "index.html" if target.is_dir() else target
            missing = heading and target in headings and heading not in headings[target]
            if missing or not target.exists():
                yield f"{page.relative_to(site)}: {link}"


if __name__ == "__main__":
    broken = list(broken_links(Path(sys.argv[1]).resolve()))
    sys.exit("\n".join(["links that lead nowhere:", *broken]) if broken else 0)
