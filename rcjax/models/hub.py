"""Files of the Hugging Face hub by name: `hf:ORG/NAME/FILE@REVISION`."""

import functools
import os
import re
from pathlib import Path
from typing import NamedTuple

from rcjax.errors import UserError
from rcjax.outside import one_line

PREFIX = "hf:"
_NAME = re.compile(r"hf:([\w.-]+/[\w.-]+)/([^@\0]+?)(?:@([^@\s]+))?", re.ASCII)


class _HubName(NamedTuple):
    """The parts of a name."""

    repository: str
    file: str
    revision: str


def is_hub_name(path: str | os.PathLike[str]) -> bool:
    """Whether a checkpoint is named by its place on the hub."""
    return isinstance(path, str) and path.startswith(PREFIX)


@functools.lru_cache(maxsize=64)  # a run asks several times: for the file, for its checksum
def hub_file(name: str) -> Path:
    """Downloads a file of the hub, or finds it in the local cache.

    Args:
        name: "hf:ORG/NAME/FILE@REVISION"; FILE may lie in folders, REVISION is a branch, a tag or a
            commit, and "main" where it is left out. The environment variables of huggingface_hub
            hold, such as HF_HOME, HF_HUB_OFFLINE and HF_TOKEN.

    Returns:
        Where the file lies.

    Raises:
        UserError: no such name, repository, revision or file; neither the hub nor a copy of the
            file in the cache; or huggingface_hub, the extra [hub], is not installed.
    """
    wanted = _parts(name)
    from huggingface_hub import errors, hf_hub_download

    try:
        return Path(hf_hub_download(wanted.repository, wanted.file, revision=wanted.revision))
    except errors.GatedRepoError:
        reason = "its owners give access on request: ask for it there, then run `hf auth login`"
    except errors.RepositoryNotFoundError:
        reason = f"there is no repository {wanted.repository}, or it is private: `hf auth login`"
    except errors.RevisionNotFoundError:
        reason = f"{wanted.repository} has no revision {wanted.revision}"
    except errors.LocalEntryNotFoundError:
        reason = (
            "the hub cannot be reached, and the local cache has no such file; where there is a "
            f"network, run `hf download {wanted.repository} {wanted.file} --revision "
            f"{wanted.revision}`"
        )
    except errors.EntryNotFoundError:
        reason = f"{wanted.repository} has no file {wanted.file} at {wanted.revision}"
    # Of the network, of the disk, of names that huggingface_hub checks itself.
    except Exception as error:
        reason = one_line(error)
    raise UserError(f"no checkpoint {name}: {reason}")


def _parts(name: str) -> _HubName:
    found = _NAME.fullmatch(name)
    if not found or ".." in found[2].split("/"):
        raise UserError(
            f"{name!r} is no name on the hub; write hf:ORG/NAME/FILE@REVISION, such as "
            "hf:timm/resnet18.a1_in1k/model.safetensors@main"
        )
    return _HubName(found[1], found[2], found[3] or "main")
