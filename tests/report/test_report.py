"""The report of a study: one page that loads nothing, figures for papers, nothing left unsaid."""

import functools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from rcjax.report import About, write_report
from rcjax.report.ablations import groups_of
from rcjax.report.definition import sentences
from rcjax.report.findings import finding, findings_of
from rcjax.report.page import render
from rcjax.report.runs_csv import runs_csv
from rcjax.report.tables import estimate_cell
from rcjax.report.words import MINUS
from rcjax.report.writing import charts_of
from rcjax.statistics import Chance, Estimate, Interval, Options, read_table
from rcjax.study import reporting
from rcjax.study.plan import plan_study

from ..study.small_studies import small_study
from .report_studies import (
    CLEAR,
    DEFINITION,
    HOSTILE,
    OPEN,
    STUDIES,
    VARIANTS,
    full,
    network,
    run,
    study,
    without_numbers,
)

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
                if (tag, name) == ("a", "href") and not value.startswith("#"):  # loads nothing
                    assert re.fullmatch(r"figures/[\w.-]+\.pdf|report\.json|runs\.csv", value)
                    continue
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
    analysis, about = STUDIES[name]()
    text = page_of(analysis, about)
    return SimpleNamespace(analysis=analysis, rows=analysis.study.rows, text=text, page=Page(text))


def page_of(analysis, about):
    return render(analysis, about, findings_of(analysis), charts_of(analysis, about))


def words_of(rows):
    """The words of the page of these rows."""
    analysis, about = study(rows)
    return Page(page_of(analysis, about)).words


USES = ["explore", "selection", "fragility"]
ALWAYS = ["finding", "statistics", "runs", "definition", "versions"]


@pytest.mark.parametrize(
    ("name", "sections", "pictures"),
    [
        # 2 scatter, 3 panels for each of 2 axes, 2 over training, 2 early prediction, 2 measures,
        # 2 panels for each of 3 ablations
        ("full", [*USES, "scatter", "effects", "training", "measures", "ablations"], 21),
        ("external_table", [*USES, "scatter", "effects", "measures"], 8),
        ("one_run", ["scatter", "training"], 2),
        ("all_diverged", [], 0),
        pytest.param(
            "many",
            [*USES, "scatter", "effects", "training", "measures"],
            33,
            marks=pytest.mark.slow,
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
    found = rendered("full")
    for shown in found.analysis.networks.values():
        of_gap = shown.gap
        for estimate in (
            shown.count.pearson,
            shown.count.spearman,
            shown.count.partial_correlation,
            of_gap.trivial.pearson,
            of_gap.measures["path_norm"].pearson,
            shown.outcomes["test_error"].measures["region_count"].pearson,
        ):
            assert f"{abs(estimate.value):.3f}" in found.page.words
        for end in (*shown.count.pearson.chance.interval, *shown.count.pearson.interval):
            assert f"{abs(end):.3f}" in found.page.words
    for row in found.rows:
        assert row.name in found.page.words
        if row.status == "completed":
            assert f"{row.train_accuracy:.2f}" in found.page.words
            assert f"{row.test_accuracy:.2f}" in found.page.words
    assert "sharpness: the measure is constant over the settings" in found.page.words
    assert "record.json is cut off <script>alert(1)" in found.page.words
    assert "1 run did not fit the training set" in found.page.words
    assert "1 diverged, 1 missing and 1 damaged of 27 runs" in found.page.words


def test_names_are_text():
    found = rendered("full")
    assert HOSTILE not in found.text  # escaped everywhere
    assert HOSTILE in found.page.words
    assert any(HOSTILE in hint for hint in found.page.hints)


def test_every_setting_and_run_of_the_scatter_says_what_it_is():
    found = rendered("full")
    completed = [row for row in found.rows if row.status == "completed"]
    for row in completed:
        hints = [hint for hint in found.page.hints if row.name in re.split(r"\n|, |runs ", hint)]
        assert any("mean of" in hint for hint in hints)
        assert any(f"gap {row.generalization_gap:.2f}" in hint for hint in hints)
    assert len(found.page.hints) == len(completed) + 12  # 6 settings of 2 networks


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


def test_same_study_gives_the_same_files_and_another_study_its_own(tmp_path):
    analysis, about = STUDIES["one_run"]()
    contents = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        written = write_report(analysis, about, folder)
        files = [path for path in folder.rglob("*") if path.is_file()]
        contents.append({path.relative_to(folder): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert {str(path) for path in contents[0]} == {
        "report.html",
        "report.json",
        "runs.csv",
        *(f"figures/{name}_mlp.{suffix}"
          for name in ("scatter", "count_over_training") for suffix in ("pdf", "png")),
    }  # fmt: skip
    assert json.loads((tmp_path / "first/report.json").read_text()) == written
    assert written["figures"] == ["scatter_mlp", "count_over_training_mlp"]

    # Figures of an earlier report go, and those of the user stay.
    figures = tmp_path / "first" / "figures"
    (figures / "scatter_own.pdf").write_text("not ours")
    write_report(*study([run(0, network="vgg")]), tmp_path / "first")
    assert {path.name for path in figures.iterdir()} == {
        "scatter_own.pdf",
        *(f"{name}_vgg.{suffix}"
          for name in ("scatter", "count_over_training") for suffix in ("pdf", "png")),
    }  # fmt: skip


def test_runs_can_be_read_again(tmp_path):
    rows = [run(number) for number in range(6)]
    rows += [without_numbers("lost", "missing"), without_numbers("wild", "diverged")]
    (tmp_path / "runs.csv").write_text(runs_csv(study(rows)[0].study))
    for found, row in zip(read_table(tmp_path / "runs.csv"), rows, strict=True):
        assert (found.name, found.status, found.seed) == (row.name, row.status, row.seed)
        assert found.settings == row.settings
        assert found.test_accuracy == row.test_accuracy
        assert found.count == pytest.approx(row.count, nan_ok=True)


def test_single_run_has_no_correlation_and_says_why():
    found = rendered("one_run")
    assert "no correlation can be given" in found.page.words
    assert "correlations need at least 3 settings with numbers, there are 1" in found.page.words
    assert "nan" not in re.split(r"\W+", found.page.words)
    assert "None" not in found.page.words


def test_all_diverged_is_said():
    words = rendered("all_diverged").page.words
    assert "No run has a count and a gap yet." in words
    assert "Of 3 runs: 3 diverged." in words
    assert (
        "mlp: over 0 settings (0 runs) no correlation can be given. 3 of 3 runs diverged" in words
    )


def test_network_without_a_usable_count_is_shown_with_the_reason():
    rows = [run(number) for number in range(6)]
    rows += [run(number, name=f"vgg-{number}", network="vgg", measures={}) for number in range(6)]
    words = words_of(rows)
    assert "vgg: over 0 settings (0 runs) no correlation can be given." in words
    assert "vgg: predictors of the generalization gap" in words  # its statistics
    assert words.count("6 of 6 completed runs have no finite value and are left out") == 2
    assert words.count("one run per setting") == 2  # a note of both, and no reason
    assert "No run has a count and a gap yet." not in words


@pytest.mark.parametrize(
    ("value", "ends"), [(0.9641, (0.84, 0.9644)), (0.2304, (0.2303, 0.9)), (-0.996, (-0.998, 0.1))]
)
def test_no_estimate_seems_to_lie_outside_its_interval(value, ends):
    shown = estimate_cell("pearson", Estimate(value, Interval(*ends)))
    low, high = shown.interval.strip("[]").split(", ")
    assert len({len(text.partition(".")[2]) for text in (shown.text, low, high)}) == 1
    as_number = [float(text.replace(MINUS, "-")) for text in (low, shown.text, high)]
    assert as_number == sorted(as_number)


def test_percentage_has_the_decimals_of_its_interval():
    share = Estimate(4.4, Interval(4.36, 4.44))
    shown = estimate_cell("conditional_mutual_information", share)
    assert (shown.text, shown.interval) == ("4.4", "[4.4, 4.4]")


@pytest.mark.parametrize(
    ("fields", "definition", "said"),
    [
        (
            {},
            {"dim": 1, "connectivity": "full"},
            "100 segments between 2 inputs of the training set, coordinates from 0 to 1 (0 and 1: "
            "the inputs themselves), 10 points on each axis. Method: labels on a regular grid, "
            "equal neighbours linked, connected components counted. Connectivity: points next to "
            "each other on the segment are neighbours.",
        ),
        (
            {"regions.dim": 2},
            {"connectivity": "full"},
            "100 triangles between 3 inputs of the training set",
        ),
        (
            {"regions.dim": 3, "regions.connectivity": "face"},
            {"connectivity": "face"},
            "next to each other along one axis are",
        ),
        (
            {"grid.regions.dim": (3,)},
            {"dim": 3, "connectivity": "full"},
            "100 tetrahedra between 4",
        ),
        (
            {"grid.regions.dim": (1, 3)},
            {"dim": "varied", "connectivity": "full", "slices": 100},
            "100 slices of varied dimension between inputs of the training set",
        ),
        (
            {"grid.regions.points": (10, 20), "grid.regions.extent": ((0.0, 1.0), (-1.0, 2.0))},
            {"points": "varied", "extent": "varied", "dim": 1},
            "coordinates of varied extent, a varied number of points on each axis. Method: ",
        ),
        (
            {"regions.sampling": "random_directions", "regions.length": 0.5},
            {"length": 0.5},
            "100 segments from inputs of the training set in random directions",
        ),
    ],
)
def test_definition_of_the_count_is_complete_and_in_words(fields, definition, said):
    found = reporting.about_study(plan_study(small_study(**fields).to_dict())).definition
    stated = found.stated()
    assert stated.items() >= definition.items()
    assert ("length" in stated) == ("length" in definition)
    assert "" not in stated.values()
    text = " ".join(sentences(found))
    assert said in text
    assert "not recorded" not in text
    assert ("What is varied differs between the runs" in text) == ("varied" in stated.values())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"pearson": Estimate(-0.8, Interval(-0.9, -0.6), None, CLEAR)},
            "a larger generalization gap",
        ),
        (
            {"pearson": Estimate(0.93, Interval(-0.1, 0.99), None, CLEAR)},
            "an interval that includes zero",
        ),
        (
            {"pearson": Estimate(0.4, Interval(0.1, 0.99), None, Chance(Interval(-0.5, 0.5), 0.2))},
            "no clear relation: Pearson r = 0.400 [0.100, 0.990], which the same counts in random "
            "order reach too (p = 0.2)",
        ),
        ({"trivial": 0.95}, "does as well or better: 0.95"),
        ({"trivial": 0.95}, "no evidence that counting regions tells more"),
        ({"trivial": -0.97}, "does as well or better"),
        ({"trivial": 0.6}, "which these runs do not separate"),
        (
            {"pearson_minus_trivial": Estimate(0.06, Interval(0.01, 0.1), None, CLEAR)},
            "less than the count (|r| of the count minus |r| of it: 0.060 [0.010, 0.100])",
        ),
        (
            {"pearson_minus_trivial": Estimate(-0.06, Interval(-0.1, -0.01), None, CLEAR)},
            "does better: 0.87",
        ),
        (
            {"pearson_minus_trivial": Estimate(0.06, Interval(0.01, 0.1), None, OPEN)},
            "which these runs do not separate",
        ),
        ({}, "Given the logarithms of learning rate and batch size, r = 0.23"),
        (
            {},
            "given those of learning rate and batch size, \N{GREEK SMALL LETTER RHO} = 0.240,",
        ),
        ({"trivial": None}, "has no correlation here"),
        (
            {"partial_correlation": Estimate(0.234, Interval(-0.1, 0.5))},
            "0.234 [\N{MINUS SIGN}0.100, 0.500], an interval",
        ),
        ({}, "the same learning rate and batch size no more than chance: r = 0.380 (p = 0.2)"),
        (
            {"partial_correlation_within_cells": Estimate(0.38, chance=CLEAR)},
            "0.930 [0.500, 0.990], also among settings with the same learning rate and batch size",
        ),
        (
            {"partial_correlation_within_cells": Estimate(-0.38, chance=CLEAR)},
            "but among settings with the same learning rate and batch size it is the other way",
        ),
        ({"fitted": 17}, "3 runs did not fit the training set; without them r = 0.500"),
    ],
)
def test_finding_says_plainly(changes, said):
    found = finding(network(**changes), Options())
    assert said in " ".join([found.result, *found.remarks])


def test_variants_stand_in_numerical_order_with_the_own_count_among_them():
    groups = groups_of(About({}, DEFINITION, VARIANTS))
    labels = {fields: [one.label for one in members] for fields, members in groups.items()}
    assert labels == {
        ("dim",): ["1", "2", "10"],
        ("points",): ["50", "200", "adaptive"],  # the limit of points
        ("extent",): ["[0, 1]", "[-1, 2]"],
    }
    assert [one.label for one in groups["dim",] if one.main] == ["1"]
    varied = groups_of(About({}, replace(DEFINITION, dim="varied"), VARIANTS))
    assert not any(one.main for one in varied["dim",])
