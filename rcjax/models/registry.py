"""The networks by name: what each is made of and how wide its published version is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rcjax.errors import UserError
from rcjax.models.builder import Builder
from rcjax.models.cnn import ConvolutionalNetwork
from rcjax.models.cnn1d import ConvolutionalNetwork1d
from rcjax.models.densenet import DenseNet
from rcjax.models.dpn import DPN
from rcjax.models.efficientnet import EfficientNet
from rcjax.models.googlenet import GoogLeNet
from rcjax.models.layers import Network
from rcjax.models.mlp import MultilayerPerceptron
from rcjax.models.mobilenet import MobileNet
from rcjax.models.mobilenet_v2 import MobileNetV2
from rcjax.models.regnet import RegNet
from rcjax.models.resnet import EXPANSION, Bottleneck, ResNet
from rcjax.models.resnext import ResNeXt
from rcjax.models.senet import SENet
from rcjax.models.shufflenet_v2 import ShuffleNetV2
from rcjax.models.simple_dla import SimpleDLA
from rcjax.models.vgg import VGG
from rcjax.models.vit import VisionTransformer


@dataclass(frozen=True)
class Entry:
    """The recipe of one network.

    Attributes:
        make: called with a builder, num_classes, width, channels, image_size (where `fixed_size`
            holds), depth (where `depth` is not 0) and `options`.
        width: of the published network.
        options: further arguments of `make`.
        fixed_size: whether the network takes images of one size only.
        depth: hidden layers, where their number can be chosen; 0 where it cannot.
    """

    make: Callable[..., Network]
    width: int
    options: dict[str, Any] = field(default_factory=dict)
    fixed_size: bool = False
    depth: int = 0


BOTTLENECK = {"block": Bottleneck, "expansion": EXPANSION}
IMAGENET = {"imagenet": True}

ENTRIES = {
    "resnet18": Entry(ResNet, 64, {"blocks": (2, 2, 2, 2)}),
    "resnet34": Entry(ResNet, 64, {"blocks": (3, 4, 6, 3)}),
    "resnet50": Entry(ResNet, 64, {"blocks": (3, 4, 6, 3)} | BOTTLENECK),
    "senet18": Entry(SENet, 64),
    "efficientnet_b0": Entry(EfficientNet, 32),
    "vgg19": Entry(VGG, 64),
    "mobilenet": Entry(MobileNet, 32),
    "mobilenet_v2": Entry(MobileNetV2, 32),
    "shufflenet_v2": Entry(ShuffleNetV2, 24),
    "regnetx_200mf": Entry(RegNet, 64),
    "simple_dla": Entry(SimpleDLA, 16),
    "dpn92": Entry(DPN, 64),
    "googlenet": Entry(GoogLeNet, 192),
    "densenet121": Entry(DenseNet, 64),
    "resnext29_2x64d": Entry(ResNeXt, 64),
    "resnet18_imagenet": Entry(ResNet, 64, {"blocks": (2, 2, 2, 2)} | IMAGENET),
    "resnet34_imagenet": Entry(ResNet, 64, {"blocks": (3, 4, 6, 3)} | IMAGENET),
    "resnet50_imagenet": Entry(ResNet, 64, {"blocks": (3, 4, 6, 3)} | BOTTLENECK | IMAGENET),
    "senet18_imagenet": Entry(SENet, 64, IMAGENET),
    "efficientnet_b0_imagenet": Entry(EfficientNet, 32, IMAGENET),
    "vit": Entry(VisionTransformer, 384, fixed_size=True),
    "mlp": Entry(MultilayerPerceptron, 128, fixed_size=True, depth=2),
    "cnn": Entry(ConvolutionalNetwork, 32),
    "cnn1d": Entry(ConvolutionalNetwork1d, 25),
}

NAMES = tuple(ENTRIES)


@dataclass(frozen=True)
class Shape:
    """A network's name and sizes; checked on creation."""

    name: str
    num_classes: int
    width: int
    channels: int
    image_size: int
    depth: int | None = None

    def __post_init__(self) -> None:
        own_depth = ENTRIES[self.name].depth
        if self.depth is not None and not own_depth:
            raise UserError(
                f"the depth of {self.name} cannot be chosen, got {self.depth!r}; it can of "
                f"{', '.join(name for name, entry in ENTRIES.items() if entry.depth)}"
            )
        for what in ("num_classes", "width", "channels", "image_size", "depth"):
            value = getattr(self, what)
            if what == "depth" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UserError(f"{what} must be a positive integer, but is {value!r}")

    def build(self, builder: Builder) -> Network:
        """Returns the network, in training mode, with initial values from `builder`."""
        entry = ENTRIES[self.name]
        size = {"image_size": self.image_size} if entry.fixed_size else {}
        depth = {"depth": self.depth or entry.depth} if entry.depth else {}
        return entry.make(
            builder,
            num_classes=self.num_classes,
            width=self.width,
            channels=self.channels,
            **size,
            **depth,
            **entry.options,
        )


def published_width(name: str) -> int:
    """Returns the width of the published network; refuses unknown names."""
    if name not in ENTRIES:
        raise UserError(f"unknown network {name!r}: choose one of {', '.join(NAMES)}")
    return ENTRIES[name].width
