"""Weights by name of the hub: a local cache in its layout, and a server that answers as it."""

import hashlib
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from rcjax.errors import UserError
from rcjax.models import create, load_torch_checkpoint
from rcjax.models.hub import hub_file
from rcjax.models.torch_state_dict import torch_state_dict_of
from rcjax.training.initial_weights import check_unchanged

constants = pytest.importorskip("huggingface_hub.constants")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SIZES = {"width": 8, "image_size": 2, "channels": 1, "num_classes": 3}
WEIGHTS = torch_state_dict_of(create("mlp", seed=1, **SIZES))
CONTENT = save({key: array.copy() for key, array in WEIGHTS.items()})
ANSWERS = {  # what the hub says of a path
    "/org/net/resolve/gone/a.pth": ("RevisionNotFound", 404),
    "/org/net/resolve/main/none.pth": ("EntryNotFound", 404),
    "/org/secret/resolve/main/a.pth": ("RepoNotFound", 401),
    "/org/gated/resolve/main/a.pth": ("GatedRepo", 403),
}


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of the hub, without a network."""
    hub_file.cache_clear()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def fill(cache: Path) -> None:
    """Lays a network into a cache, as the hub's own client leaves it."""
    folder = cache / "models--org--net"
    digest = hashlib.sha256(CONTENT).hexdigest()
    for name in ("blobs", "refs", f"snapshots/{COMMIT}/weights"):
        (folder / name).mkdir(parents=True)
    (folder / "blobs" / digest).write_bytes(CONTENT)
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / "snapshots" / COMMIT / "weights" / "mlp.safetensors").symlink_to(
        f"../../../blobs/{digest}"
    )


@pytest.mark.parametrize("revision", ["", "@main", f"@{COMMIT}"])
def test_a_file_of_the_cache_is_loaded(revision, cache):
    fill(cache)
    model = create("mlp", **SIZES)
    load_torch_checkpoint(model, f"hf:org/net/weights/mlp.safetensors{revision}")
    for key, array in torch_state_dict_of(model).items():
        np.testing.assert_array_equal(array, WEIGHTS[key])


def test_a_run_notices_another_file_at_its_name_and_goes_on_without_the_hub(cache, tmp_path):
    name, noted = "hf:org/net/weights/mlp.safetensors", {"sha256": "0" * 64}
    check_unchanged(name, noted, tmp_path)
    fill(cache)
    with pytest.raises(UserError, match="is not the one any more"):
        check_unchanged(name, noted, tmp_path)
    check_unchanged(name, {"sha256": hashlib.sha256(CONTENT).hexdigest()}, tmp_path)


def refusal(name: str) -> str:
    with pytest.raises(UserError) as error:
        load_torch_checkpoint(create("mlp", **SIZES), name)
    assert "\n" not in str(error.value)
    assert name in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        "hf:", "hf:org", "hf:org/net", "hf:org/net/", "hf:/net/a.pth", "hf:org/net/a.pth@",
        "hf:org/net/a.pth@a b", "hf:org/net/../a.pth", "hf://org/net/a.pth", "hf:o rg/net/a.pth",
    ],
)  # fmt: skip
def test_names_that_are_none(name, cache):
    assert "write hf:ORG/NAME/FILE@REVISION" in refusal(name)


@pytest.mark.parametrize("name", ["hf:org/net/a.pth@main", "hf:org/other/a.pth@v1.0"])
def test_without_a_network_what_the_cache_lacks_is_named_with_the_command(name, cache):
    fill(cache)
    repository, revision = name[3:].removesuffix(name[name.index("/a.pth") :]), name.split("@")[1]
    assert f"`hf download {repository} a.pth --revision {revision}`" in refusal(name)


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers as the hub does where something is missing."""

    def do_HEAD(self) -> None:
        code, status = ANSWERS[self.path]
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf:org/net/a.pth@gone", "org/net has no revision gone"),
        ("hf:org/net/none.pth@main", "org/net has no file none.pth at main"),
        ("hf:org/secret/a.pth", "there is no repository org/secret, or it is private"),
        ("hf:org/gated/a.pth", "its owners give access on request"),
    ],
)
def test_what_the_hub_does_not_have_is_named(name, message, cache, address, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.partition("/{repo_id}")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "".join(template[1:]))
    assert message in refusal(name)
