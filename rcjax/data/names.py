"""The names that a data set can have."""

from rcjax.errors import UserError

RESIDENT: dict[str, int] = {  # number of classes
    "cifar10": 10,
    "cifar100": 100,
    "digits": 10,
    "mnist1d": 10,
    "mnist_5k": 10,
    "svhn_cropped": 10,
    "synthetic": 10,
}
IMAGENET = "imagenet2012"
NPZ = ".npz"
FOLDER, STREAM = "folder:", "stream:"


def is_streamed(name: str) -> bool:
    """Returns whether a data set stays on the disk while it is used."""
    return name == IMAGENET or name.startswith(STREAM)


def check_name(name: str) -> None:
    """Raises `UserError` where no data set can have this name. Looks at no file."""
    if name in RESIDENT or name.endswith(NPZ) or name.startswith(FOLDER) or is_streamed(name):
        return
    raise UserError(
        f"unknown dataset {name!r}; known: {', '.join(RESIDENT)}, {IMAGENET}, FILE{NPZ}, "
        f"{FOLDER}PATH and {STREAM}PATH"
    )
