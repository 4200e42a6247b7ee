"""The needs of every long command: its folder, files, devices, signals and compilations."""

from rcjax.runtime.claim import claimed_folder
from rcjax.runtime.compilation import mended_compilation_cache, shared_compilations
from rcjax.runtime.devices import (
    available_memory,
    describe_devices,
    divide_batch,
    is_out_of_memory,
    local_copies,
    local_mesh,
    peak_memory,
    place_rows,
    replicate,
    replicated,
    require_devices,
    room_in_memory,
    rows_of_host,
    whole_mesh,
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
from rcjax.runtime.hosts import (
    HostFlags,
    Hosts,
    Place,
    agreed_stop,
    claimed_by_first,
    current_hosts,
    join,
    place_of,
    ray_request_of,
    refusals_told,
    run_on_hosts,
    run_on_ray,
)
from rcjax.runtime.interruption import Interrupted, StopRequest, stop_requests
from rcjax.runtime.settings import own_jax_settings
from rcjax.runtime.storage import check_readable, local_folder
from rcjax.runtime.versions import program_versions, versions
from rcjax.runtime.workdir import RecordRules, Workdir, config_differences

__all__ = [
    "HostFlags", "Hosts", "Interrupted", "Place", "RecordRules", "StopRequest", "Workdir",
    "agreed_stop", "available_memory", "check_readable", "claimed_by_first", "claimed_folder",
    "config_differences", "current_hosts", "describe_devices", "divide_batch", "finite",
    "is_finite_number", "is_out_of_memory", "join", "json_line", "local_copies", "local_folder",
    "local_mesh", "mended_compilation_cache", "own_jax_settings", "peak_memory", "place_of",
    "place_rows", "program_versions", "ray_request_of", "read_json", "refusals_told", "replicate",
    "replicated", "require_devices", "room_in_memory", "rows_of_host", "run_on_hosts",
    "run_on_ray", "set_aside",
    "shared_compilations", "stop_requests", "versions", "whole_mesh", "write_json",
    "written_whole",
]  # fmt: skip
