"""JAX's compilation cache: what a killed process left of an entry costs one compilation."""

import warnings
import zlib
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache

from rcjax.runtime import mended_compilation_cache, shared_compilations


@pytest.fixture(autouse=True)
def own_cache():
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    yield
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


def compile_in(folder, size=3):
    """Compiles as a new process does; returns what it warned of."""
    jax.clear_caches()

    def times_three(x):
        return 3 * x

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with shared_compilations(folder):
            assert float(jax.jit(times_three)(jnp.ones(size)).sum()) == 3 * size
    return [str(warning.message) for warning in seen]


def entries(folder):
    return sorted(folder.glob("compilation-cache/*/*-cache"))


DAMAGE = {
    "empty": lambda entry: b"",
    "half": lambda entry: entry[: len(entry) // 2],
    "random bytes": lambda entry: b"\x17\x99" * 40,
    "a flipped byte": lambda entry: entry[:50] + bytes([entry[50] ^ 255]) + entry[51:],
    "another version's": lambda entry: zlib.compress(b"0000 no program"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_entries_are_compiled_once_more(tmp_path, capfd, damage):
    assert compile_in(tmp_path) == []
    kept = {path: path.read_bytes() for path in entries(tmp_path)}
    assert kept
    for path, content in kept.items():
        path.write_bytes(damage(content))
    capfd.readouterr()
    assert compile_in(tmp_path) == []
    assert capfd.readouterr().err == ""
    assert {path.name for path in entries(tmp_path)} == {path.name for path in kept}
    assert all(len(zlib.decompress(path.read_bytes())) > 100 for path in entries(tmp_path))


# Not even root may make a file in the second.
@pytest.mark.parametrize("place", ["a file", "/sys/kernel"])
def test_a_folder_that_cannot_be_used_is_given_up_with_one_line(tmp_path, capfd, place):
    folder = Path(place) if place.startswith("/") else tmp_path / place
    if not folder.exists():
        folder.write_text("kept")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    assert compile_in(tmp_path, size=4) == []
    (line,) = capfd.readouterr().err.splitlines()
    assert f"{folder} cannot be used (" in line
    assert "compiled without it" in line


def test_other_warnings_pass():
    with pytest.warns(UserWarning, match="of another kind"), mended_compilation_cache():
        warnings.warn("of another kind", UserWarning, stacklevel=1)
