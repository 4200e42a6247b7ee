"""The config of an experiment: its fields and defaults, config files, overrides from text."""

from rcjax.config.fields import (
    FREE_SECTIONS,
    RUN_FIELDS,
    STUDY_FIELDS,
    Field,
    is_run_field,
    run_kind,
)
from rcjax.config.loading import (
    complete,
    find_config,
    find_file,
    known_configs,
    load_config,
    with_defaults,
)
from rcjax.config.nesting import flatten, nested
from rcjax.config.overrides import apply_overrides, unknown_axis
from rcjax.config.run_config import (
    CLASSIFIER_SECTION,
    RegionsSection,
    RunConfig,
    run_config,
)

__all__ = [
    "CLASSIFIER_SECTION",
    "FREE_SECTIONS",
    "RUN_FIELDS",
    "STUDY_FIELDS",
    "Field",
    "RegionsSection",
    "RunConfig",
    "apply_overrides",
    "complete",
    "find_config",
    "find_file",
    "flatten",
    "is_run_field",
    "known_configs",
    "load_config",
    "nested",
    "run_config",
    "run_kind",
    "unknown_axis",
    "with_defaults",
]
