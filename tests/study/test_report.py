"""The report of a study: one page that loads nothing, figures for papers, nothing left unsaid."""

import functools
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from rcjax.study.report import charts_of, write_report
from rcjax.study.report.ablations import groups_of
from rcjax.study.report.findings import finding
from rcjax.study.report.page import render
from rcjax.study.report.readings import TRIVIAL_NAME
from rcjax.study.report.regression import correlation_interval, regression_band

from .report_studies import HOSTILE, STUDIES, VARIANTS, full, network, statistics

_VOID = {"meta", "br", "link", "img", "hr"}
_LOADING = {"src", "href", "xlink:href", "data", "poster", "srcset", "action", "background"}


class Page(HTMLParser):
    """Reads a page: refuses unbalanced tags, repeated ids and whatever would be loaded."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.identifiers: list[str] = []
        self.references: list[str] = []
        self.sections: list[str] = []
        self.text: list[str] = []
        self.styles: list[str] = []
        self.hints: list[str] = []
        self.pictures = 0
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(set(self.identifiers)) == len(self.identifiers)
        assert {reference[1:] for reference in self.references} <= set(self.identifiers)

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        found = dict(attributes)
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        for name, value in found.items():
            if name in _LOADING:
                assert value.startswith("#"), (tag, name, value)
                self.references.append(value)
            assert not name.startswith("on"), (tag, name)
            if "url(" in (value or ""):
                self.references.append(re.search(r"url\((#[^)]+)\)", value)[1])
        if "id" in found:
            self.identifiers.append(found["id"])
        if tag == "section":
            self.sections.append(found["id"])
        if "data-hint" in found:
            self.hints.append(found["data-hint"])
        if tag == "svg":
            assert found["role"] == "img"
            assert found["aria-label"]
            self.pictures += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        inside = self.open[-1] if self.open else ""
        if inside == "style":
            self.styles.append(text)
        elif inside != "script":
            self.text.append(text)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


@functools.cache
def rendered(name):
    """A study with its page; each is rendered once."""
    report, rows = STUDIES[name]()
    text = render(report, rows, charts_of(report, rows))
    return SimpleNamespace(report=report, rows=rows, text=text, page=Page(text))


ALWAYS = ["finding", "statistics", "runs", "definition", "versions"]


@pytest.mark.parametrize(
    ("name", "sections", "pictures"),
    [
        # 2 scatter, 3 panels for each of 2 axes, 2 over training, 2 early prediction, 2 measures,
        # 2 panels for each of 3 ablations
        ("full", ["scatter", "effects", "training", "measures", "ablations"], 20),
        ("external_table", ["scatter", "effects", "measures"], 8),
        ("one_run", ["scatter", "training"], 2),
        ("all_diverged", [], 0),
        pytest.param(
            "many", ["scatter", "effects", "training", "measures"], 32, marks=pytest.mark.slow
        ),
    ],
)
def test_page_is_one_sound_file_that_loads_nothing(name, sections, pictures):
    page = rendered(name).page
    assert sorted(page.sections) == sorted(ALWAYS + sections)
    assert page.pictures == pictures
    assert all("url(" not in style and "@import" not in style for style in page.styles)
    # Names of XML vocabularies are no addresses to load from.
    addresses = re.findall(r"https?://[^\s\"'<>]+", rendered(name).text)
    assert {address.rstrip("/") for address in addresses} <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'" in rendered(name).text  # the browser would refuse, too


def test_numbers_are_there_with_what_they_must_be_held_against():
    study = rendered("full")
    for text in ("0.930", "[0.500, 0.990]", "[−0.410, 0.420]", "0.870", "0.234", "31.4", "0.765"):  # noqa: RUF001
        assert text in study.page.words, text
    for row in study.rows:
        assert row.name in study.page.words
        if row.status == "completed":
            assert f"{row.train_accuracy:.2f}" in study.page.words
            assert f"{row.test_accuracy:.2f}" in study.page.words
    assert "sharpness is the same for all settings: no correlation" in study.page.words
    assert "record.json is cut off <script>alert(1)" in study.page.words
    assert "1 run did not fit the training set" in study.page.words
    assert "1 diverged, 1 missing and 1 damaged of 27 runs" in study.page.words


def test_names_are_text():
    study = rendered("full")
    assert HOSTILE not in study.text  # escaped everywhere
    assert HOSTILE in study.page.words
    assert any(HOSTILE in hint for hint in study.page.hints)


def test_every_setting_and_run_of_the_scatter_says_what_it_is():
    study = rendered("full")
    completed = [row for row in study.rows if row.status == "completed"]
    for row in completed:
        hints = [hint for hint in study.page.hints if row.name in re.split(r"\n|, |runs ", hint)]
        assert any("mean of" in hint for hint in hints)
        assert any(f"gap {row.generalization_gap:.2f}" in hint for hint in hints)
    assert len(study.page.hints) == len(completed) + 12  # 6 settings of 2 networks


@pytest.mark.slow
def test_figures_are_for_papers(tmp_path):
    write_report(*full(), tmp_path)
    figures = tmp_path / "figures"
    names = {path.stem for path in figures.iterdir()}
    assert {"scatter_mlp", "effect_learning_rate", "effect_batch_size", "ablation_dim",
            "ablation_points", "ablation_extent", "measures_mlp", "count_over_training_mlp",
            "correlation_over_training"} <= names  # fmt: skip
    for name in names:
        document = (figures / f"{name}.pdf").read_bytes()
        assert b"/FontFile2" in document  # TrueType, embedded
        assert b"/Type3" not in document
        width = float(re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", document)[1]) / 72
        assert width == pytest.approx(3.3) or width == pytest.approx(6.8)
        assert (figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_same_study_gives_the_same_files(tmp_path):
    report, rows = STUDIES["one_run"]()
    contents = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        write_report(report, rows, folder)
        files = [path for path in folder.rglob("*") if path.is_file()]
        contents.append({path.relative_to(folder): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert {str(path) for path in contents[0]} == {
        "report.html",
        "report.json",
        *(f"figures/{name}_mlp.{suffix}"
          for name in ("scatter", "count_over_training") for suffix in ("pdf", "png")),
    }  # fmt: skip
    assert json.loads((tmp_path / "first/report.json").read_text()) == report


def test_single_run_has_no_correlation_and_says_why():
    study = rendered("one_run")
    assert "no correlation can be given" in study.page.words
    notes = study.report["networks"]["mlp"]["notes"]
    assert any("at least 3" in note for note in notes)
    for note in notes:
        assert note.replace("trivial_predictor", TRIVIAL_NAME) in study.page.words
    assert "nan" not in re.split(r"\W+", study.page.words)
    assert "None" not in study.page.words


def test_all_diverged_is_said():
    words = rendered("all_diverged").page.words
    assert "No run has numbers yet." in words
    assert "Of 3 runs: 3 diverged." in words


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pearson": -0.8, "pearson_interval": [-0.9, -0.6]}, "a larger generalization gap"),
        ({"pearson_interval": [-0.1, 0.99]}, "an interval that includes zero"),
        ({"pearson": 0.4}, "Random predictors reach as much"),
        ({"trivial_predictor": statistics(0.95)}, "does as well or better: 0.95"),
        ({"trivial_predictor": statistics(0.95)}, "no evidence that counting regions tells more"),
        ({"trivial_predictor": statistics(-0.97)}, "does as well or better"),
        ({"trivial_predictor": statistics(0.6)}, "which these runs do not separate"),
        (
            {"pearson_interval": [0.9, 0.95], "trivial_predictor": statistics(0.6, 0.5, 0.7)},
            "less than the count",
        ),
        ({"trivial_predictor": statistics(None)}, "has no correlation here"),
        (
            {"partial_correlation_interval": [-0.1, 0.5]},
            "0.234 [\N{MINUS SIGN}0.100, 0.500], an interval",
        ),
        ({}, "rate and batch size, r = 0.380, within the [\N{MINUS SIGN}0.450, 0.440] of 95 %"),
        ({"fitted_only": network(0.5, 7, 17)}, "3 runs did not fit the training set; without them"),
    ],
)
def test_finding_says_plainly(changes, said):
    found = finding("mlp", network(0.93, 8, 20) | changes)
    assert said in " ".join([found.result, *found.remarks])


def test_variants_stand_in_numerical_order_with_the_own_count_among_them():
    definition = full()[0]["definition"]
    groups = groups_of(VARIANTS, definition)
    labels = {fields: [one.label for one in members] for fields, members in groups.items()}
    assert labels == {
        ("dim",): ["1", "2", "10"],
        ("points",): ["50", "200", "adaptive"],  # the limit of points
        ("extent",): ["[0, 1]", "[-1, 2]"],
    }
    assert [one.label for one in groups["dim",] if one.main] == ["1"]


def test_regression_line_is_least_squares():
    random = np.random.default_rng(0)
    x = np.arange(8.0)[:, None] + random.normal(0, 0.1, size=(8, 3))
    y = 2 * x + random.normal(0, 0.5, size=(8, 3))
    band = regression_band(x, y)
    slope, intercept = np.polyfit(x.mean(axis=1), y.mean(axis=1), 1)
    np.testing.assert_allclose(band.y, intercept + slope * band.x)
    assert (band.low < band.y).all()
    assert (band.y < band.high).all()


def test_interval_of_a_correlation_covers_it_as_often_as_it_says():
    """Against the known correlation 0.8 of normal variables."""
    random = np.random.default_rng(1)
    covered = 0
    for repetition in range(100):
        points = random.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=40)
        columns = points.T[..., None]
        value, low, high = correlation_interval(*columns, samples=300, seed=repetition)
        assert value == pytest.approx(stats.pearsonr(*points.T).statistic)
        covered += low <= 0.8 <= high
    assert 85 <= covered <= 100


def test_where_no_line_or_correlation_exists():
    few, constant = np.arange(2.0)[:, None], np.ones((5, 1))
    assert regression_band(few, few) is None
    assert regression_band(constant, constant) is None
    assert np.isnan(correlation_interval(few, few)).all()
    assert np.isnan(correlation_interval(constant, constant)).all()
