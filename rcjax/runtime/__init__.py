"""The needs of every long command: its folder, files, devices, signals and compilations."""

from rcjax.runtime.claim import claimed_folder
from rcjax.runtime.compilation import mended_compilation_cache, shared_compilations
from rcjax.runtime.devices import (
    available_memory,
    describe_devices,
    divide_batch,
    is_out_of_memory,
    local_mesh,
    place_batch,
    replicate,
    replicated,
    require_devices,
)
from rcjax.runtime.files import (
    finite,
    is_finite_number,
    json_line,
    read_json,
    set_aside,
    write_json,
    written_whole,
)
from rcjax.runtime.interruption import Interrupted, StopRequest, stop_requests
from rcjax.runtime.settings import own_jax_settings
from rcjax.runtime.storage import check_readable, local_folder
from rcjax.runtime.versions import versions
from rcjax.runtime.workdir import RecordRules, Workdir, config_differences

__all__ = [
    "Interrupted", "RecordRules", "StopRequest", "Workdir", "available_memory", "check_readable",
    "claimed_folder", "config_differences", "describe_devices", "divide_batch", "finite",
    "is_finite_number", "is_out_of_memory", "json_line", "local_folder", "local_mesh",
    "mended_compilation_cache", "own_jax_settings", "place_batch", "read_json", "replicate",
    "replicated", "require_devices", "set_aside", "shared_compilations", "stop_requests",
    "versions", "write_json", "written_whole",
]  # fmt: skip
