"""The config of an experiment: its fields and defaults, config files, overrides from text."""

from rcjax.config.fields import (
    COMMAND_FIELDS,
    FREE_SECTIONS,
    RUN_FIELDS,
    STUDY_FIELDS,
    Field,
    is_run_field,
    run_kind,
)
from rcjax.config.loading import (
    command_of,
    complete,
    find_config,
    find_file,
    known_configs,
    load_config,
    with_defaults,
)
from rcjax.config.nesting import flatten, nested
from rcjax.config.overrides import apply_overrides, unknown_axis
from rcjax.config.ranges import check_ranges
from rcjax.config.run_config import (
    CLASSIFIER_SECTION,
    RegionsSection,
    RunConfig,
    replaced,
    run_config,
)
from rcjax.config.study_config import (
    AnalysisConfig,
    ExecutorSection,
    ReportSection,
    StudyConfig,
    study_config,
)

__all__ = [
    "CLASSIFIER_SECTION", "COMMAND_FIELDS", "FREE_SECTIONS", "RUN_FIELDS", "STUDY_FIELDS",
    "AnalysisConfig", "ExecutorSection", "Field", "RegionsSection", "ReportSection", "RunConfig",
    "StudyConfig", "apply_overrides", "check_ranges", "command_of", "complete", "find_config",
    "find_file", "flatten", "is_run_field", "known_configs", "load_config", "nested", "replaced",
    "run_config", "run_kind", "study_config", "unknown_axis", "with_defaults",
]  # fmt: skip
