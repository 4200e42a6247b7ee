"""The sentences of the report: all stand in texts.jinja, filled with typed values."""

import functools
from typing import Any

import jinja2

from rcjax.report import words
from rcjax.statistics import COLLAPSED_BELOW, FEWEST_FOR_FLEXIBLE, Sign, Undefined, names


def text_of(text: str, /, **values: Any) -> str:
    """Returns a text of texts.jinja on one line; empty where it has nothing to say."""
    return " ".join(_fill(text, values).split())


def lines_of(text: str, /, **values: Any) -> str:
    """Returns a text of texts.jinja with its lines."""
    lines = (" ".join(line.split()) for line in _fill(text, values).splitlines())
    return "\n".join(line for line in lines if line)


def _fill(text: str, values: dict[str, Any]) -> str:
    return str(getattr(_texts(), text)(**values))


@functools.cache
def _texts() -> Any:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rcjax.report", "."),
        autoescape=False,  # plain text; the page escapes it
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    for function in (
        words.correlation, words.interval, words.estimate, words.decimal, words.significant,
        words.percent, words.setting_value, words.field_name, words.measure_name,
        words.settings_text, words.p_value,
        words.plural, words.listing, words.some,
    ):  # fmt: skip
        environment.filters[function.__name__] = function
    environment.globals |= {
        "Undefined": Undefined,
        "Sign": Sign,
        "COLLAPSED_BELOW": COLLAPSED_BELOW,
        "FEWEST_FOR_FLEXIBLE": FEWEST_FOR_FLEXIBLE,
        "names": names,
        "TRIVIAL_NAME": words.TRIVIAL_NAME,
    }
    return environment.get_template("texts.jinja").module
