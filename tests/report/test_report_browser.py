"""The report's page in a browser: drawn without errors or requests, and nothing sticks out.

Runs wherever Chromium or Chrome is found (or named in the variable CHROMIUM).
tests/report/test_report.py checks the same page without a browser.
"""

import html
import json
import os
import re
import shutil
import subprocess

import pytest
from scipy.stats import spearmanr

from rcjax.report.findings import findings_of
from rcjax.report.page import render
from rcjax.report.writing import charts_of
from rcjax.statistics import names

from .report_studies import STUDIES

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(NAMES)} in PATH"),
]

PHONE, LAPTOP = 390, 1366
# Runs in the page before everything else and tells the page around it what it saw.
WATCH = """
const problems = [];
addEventListener("error", (event) => problems.push(String(event.message)));
addEventListener("unhandledrejection", (event) => problems.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => problems.push(event.blockedURI));
addEventListener("load", () => {
  const pictures = Array.from(document.querySelectorAll("svg"), (svg) => {
    const box = svg.getBoundingClientRect();
    const texts = Array.from(svg.querySelectorAll("text"));
    const cut = texts.filter((text) => {
      const own = text.getBoundingClientRect();
      return own.left < box.left - 3 || own.right > box.right + 3;
    }).map((text) => text.textContent);
    const heights = texts.map((text) => text.getBoundingClientRect().height);
    return { width: box.width, height: box.height, cut, smallest: Math.min(...heights),
             marks: svg.querySelectorAll("use, path").length };
  });
  const outside = Array.from(document.querySelectorAll("main *"))
    .filter((part) => !part.closest(".scroll, pre, svg, [hidden]"))
    .filter((part) => part.getBoundingClientRect().right > innerWidth + 0.5)
    .map((part) => part.outerHTML.slice(0, 100));
  const mark = document.querySelector("[data-hint]");
  const hint = document.getElementById("hint");
  if (mark) {
    const at = { bubbles: true, clientX: innerWidth - 5, clientY: 5 };
    mark.dispatchEvent(new PointerEvent("pointermove", at));
  }
  const box = hint.getBoundingClientRect();
  const column = () => Array.from(document.querySelectorAll("table.runs tbody tr"),
    (row) => row.children[0].textContent);
  const press = document.querySelector("table.runs .sort");
  press.click();
  const rising = column();
  press.click();
  const said = () => document.getElementById("explorer-said")?.textContent ?? null;
  const everything = said();
  const choice = document.querySelector(".filters fieldset:nth-of-type(2) input[type=checkbox]");
  let filtered = null;
  if (choice) {
    choice.click();
    const listed = document.querySelectorAll("table.runs tbody tr:not([hidden])").length;
    filtered = { said: said(), listed, label: choice.parentNode.textContent };
    choice.click();
  }
  parent.postMessage(JSON.stringify({
    width: innerWidth, whole: document.documentElement.scrollWidth, pictures, outside, problems,
    requests: performance.getEntriesByType("resource").map((entry) => entry.name),
    hint: mark ? hint.textContent : null, expected: mark ? mark.dataset.hint : null,
    shown: !mark || (box.width > 0 && box.left >= 0 && box.right <= innerWidth),
    rising, falling: column(), everything, filtered,
  }), "*");
});
"""
AROUND = """<!DOCTYPE html><meta charset="utf-8"><pre id="seen"></pre>
<script>
addEventListener("message", (event) => {
  document.getElementById("seen").textContent += event.data + "\\n";
});
</script>
%s
"""


def seen_by_browser(page: str, folder) -> dict[int, dict]:
    """Width -> what the page reported when shown at this width."""
    (folder / "page.html").write_text(page.replace("<head>", f"<head><script>{WATCH}</script>", 1))
    # Frames: a browser's own window cannot be as narrow as a phone.
    frames = "".join(
        f'<iframe src="page.html" style="width: {width}px; height: 900px; border: 0"></iframe>'
        for width in (PHONE, LAPTOP)
    )
    (folder / "around.html").write_text(AROUND % frames)
    result = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND",  # no network at all
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=1600,1200",
            "--virtual-time-budget=20000",
            "--dump-dom",
            (folder / "around.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found = re.search(r'<pre id="seen">(.*?)</pre>', result.stdout, re.DOTALL)
    assert found, result.stdout[:500] + result.stderr[-2000:]
    reports = [json.loads(line) for line in html.unescape(found[1]).splitlines()]
    return {report["width"]: report for report in reports}


@pytest.mark.parametrize("name", STUDIES)
def test_page_is_drawn_and_fits(name, tmp_path):
    analysis, about = STUDIES[name]()
    charts = charts_of(analysis, about)
    page = render(analysis, about, findings_of(analysis), charts)
    seen = seen_by_browser(page, tmp_path)
    assert sorted(seen) == [PHONE, LAPTOP]
    panels = sum(len(chart.panels) for group in charts.values() for chart in group)
    for width, found in seen.items():
        assert found["problems"] == []
        assert found["requests"] == []
        assert found["whole"] <= width  # no scrolling sideways
        assert found["outside"] == []
        assert len(found["pictures"]) == panels
        for picture in found["pictures"]:
            assert 250 < picture["width"] < width
            assert picture["height"] > 100
            assert picture["marks"] > 10
            assert picture["cut"] == []  # every label is inside
            assert picture["smallest"] > 8  # pixels
        assert found["hint"] == found["expected"]
        assert found["shown"]
        assert sorted(found["rising"]) == sorted(row.name for row in analysis.study.rows)
        assert found["falling"] == found["rising"][::-1]
        if name == "full":
            assert_filtered(found, analysis)


def assert_filtered(found, analysis):
    """The page's own Spearman, of all settings and of those without the first learning rate."""
    settings = analysis.study.with_numbers
    rows = sum(len(one.rows) for one in settings)
    assert found["everything"].startswith(f"{rows} of {rows} runs")
    assert rho(settings) in found["everything"]
    rate = float(found["filtered"]["label"])
    kept = [one for one in settings if one.settings["learning_rate"] != rate]
    assert 0 < len(kept) < len(settings)
    assert f"as {len(kept)} settings: Spearman {rho(kept)}." in found["filtered"]["said"]
    listed = [row for row in analysis.study.rows if row.settings["learning_rate"] != rate]
    assert found["filtered"]["listed"] == len(listed)


def rho(settings):
    x, y = ([one.mean(name) for one in settings] for name in (names.COUNT, names.GAP))
    return f"\N{GREEK SMALL LETTER RHO} = {spearmanr(x, y).statistic:.3f}".replace(
        "-", "\N{MINUS SIGN}"
    )
