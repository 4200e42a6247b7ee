"""The networks of rcjax in plain PyTorch: what the benchmarks compare with.

Module names are those of rcjax's networks, so weights go over with `load_torch_state_dict`.
`NETWORKS` holds a function without arguments for every network that is here.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from pytorch_branches import DPN92, MLP, GoogLeNet, ViT, simple_dla
from pytorch_resnet import (
    Block,
    PreActivation,
    Residual,
    bottleneck,
    convolution,
    projection,
    regnet,
    resnet,
    resnext,
)
from torch import nn
from torch.nn import functional as F


class Chain(nn.Module):
    """A stem, `layers`, perhaps a 1x1 convolution, and a linear layer."""

    def __init__(self, layers: list[nn.Module], outputs: int, head: int = 0, activation=torch.relu):
        super().__init__()
        self.conv1, self.bn1 = convolution(3, 32, 3), nn.BatchNorm2d(32)
        self.layers = nn.Sequential(*layers)
        if head:
            self.conv2, self.bn2 = convolution(outputs, head, 1), nn.BatchNorm2d(head)
        self.dropout = nn.Dropout(0.2 if activation is F.silu else 0.0)
        self.linear = nn.Linear(head or outputs, 10)
        self.head, self.activation = head, activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layers(self.activation(self.bn1(self.conv1(x))))
        if self.head:
            x = self.activation(self.bn2(self.conv2(x)))
        return self.linear(self.dropout(x.mean((2, 3))))


def mobilenet() -> Chain:
    strided = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5)
    inputs, layers = 32, []
    for outputs, stride in (*strided, (1024, 2), (1024, 1)):
        depthwise = convolution(inputs, inputs, 3, stride, groups=inputs)
        layers += [Residual([depthwise, convolution(inputs, outputs, 1)], None)]
        inputs = outputs
    return Chain(layers, inputs)


def mobilenet_v2() -> Chain:
    stages = (
        *((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    )
    inputs, layers = 32, []
    for expansion, outputs, count, stride in stages:
        for number in range(count):
            step = stride if number == 0 else 1
            hidden = expansion * inputs
            shortcut = None
            if step == 1:
                shortcut = projection(inputs, outputs, 1) if inputs != outputs else nn.Sequential()
            depthwise = convolution(hidden, hidden, 3, step, groups=hidden)
            inside = [convolution(inputs, hidden, 1), depthwise, convolution(hidden, outputs, 1)]
            layers.append(Block(inside, shortcut))
            inputs = outputs
    return Chain(layers, inputs, head=1280)


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int, squeezed: int):
        super().__init__()
        self.se1 = convolution(channels, squeezed, 1, bias=True)
        self.se2 = convolution(squeezed, channels, 1, bias=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.se2(F.silu(self.se1(x.mean((2, 3), keepdim=True)))))


class EfficientBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int):
        super().__init__()
        hidden = expansion * inputs
        self.widens, self.adds = expansion != 1, stride == 1 and inputs == outputs
        self.conv1, self.bn1 = convolution(inputs, hidden, 1), nn.BatchNorm2d(hidden)
        self.conv2 = convolution(hidden, hidden, kernel, stride, groups=hidden)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.se = SqueezeExcitation(hidden, inputs // 4)
        self.conv3, self.bn3 = convolution(hidden, outputs, 1), nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.silu(self.bn1(self.conv1(x))) if self.widens else x
        y = F.silu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(self.se(y)))
        return y + x if self.adds else y


def efficientnet() -> Chain:
    stages = (
        *((1, 16, 1, 3, 1), (6, 24, 2, 3, 2), (6, 40, 2, 5, 2), (6, 80, 3, 3, 2)),
        *((6, 112, 3, 5, 1), (6, 192, 4, 5, 2), (6, 320, 1, 3, 1)),
    )
    inputs, layers = 32, []
    for expansion, outputs, count, kernel, stride in stages:
        for number in range(count):
            step = stride if number == 0 else 1
            layers.append(EfficientBlock(inputs, outputs, expansion, kernel, step))
            inputs = outputs
    return Chain(layers, inputs, activation=F.silu)


class VGG19(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(*self.stages())
        self.classifier = nn.Linear(512, 10)

    def stages(self) -> Iterator[nn.Module]:
        inputs = 3
        for outputs, count in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
            for _ in range(count):
                yield convolution(inputs, outputs, 3, bias=True)
                yield from (nn.BatchNorm2d(outputs), nn.ReLU())
                inputs = outputs
            yield nn.MaxPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).flatten(1))


class Dense(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), convolution(inputs, 128, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(128), convolution(128, 32, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(torch.relu(self.bn1(x)))
        return torch.cat([self.conv2(torch.relu(self.bn2(y))), x], 1)


class Transition(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.bn, self.conv = nn.BatchNorm2d(inputs), convolution(inputs, inputs // 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(self.conv(torch.relu(self.bn(x))), 2)


class DenseNet121(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = convolution(3, 64, 3)
        inputs = 64
        for stage, count in enumerate((6, 12, 24, 16), start=1):
            layers = [Dense(inputs + 32 * number) for number in range(count)]
            setattr(self, f"dense{stage}", nn.Sequential(*layers))
            inputs += 32 * count
            if stage < 4:
                setattr(self, f"trans{stage}", Transition(inputs))
                inputs //= 2
        self.bn, self.linear = nn.BatchNorm2d(inputs), nn.Linear(inputs, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)
        for stage in (1, 2, 3):
            x = getattr(self, f"trans{stage}")(getattr(self, f"dense{stage}")(x))
        return self.linear(torch.relu(self.bn(self.dense4(x))).mean((2, 3)))


def shuffle(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch.stack([left, right], 2).flatten(1, 2)


class Shuffle(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        half = channels // 2
        for number in (1, 3):
            setattr(self, f"conv{number}", convolution(half, half, 1))
        self.conv2 = convolution(half, half, 3, groups=half)
        self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(half) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept, y = x.chunk(2, 1)
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(y)))))
        return shuffle(kept, torch.relu(self.bn3(self.conv3(y))))


class ShuffleDown(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        half = outputs // 2
        self.conv1 = convolution(inputs, inputs, 3, 2, groups=inputs)
        self.conv2, self.conv3 = (convolution(inputs, half, 1) for _ in range(2))
        self.conv4 = convolution(half, half, 3, 2, groups=half)
        self.conv5 = convolution(half, half, 1)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.bn2, self.bn3, self.bn4, self.bn5 = (nn.BatchNorm2d(half) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left = torch.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
        right = self.bn4(self.conv4(torch.relu(self.bn3(self.conv3(x)))))
        return shuffle(left, torch.relu(self.bn5(self.conv5(right))))


class ShuffleNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = convolution(3, 24, 3), nn.BatchNorm2d(24)
        inputs = 24
        for stage, (outputs, count) in enumerate(((116, 4), (232, 8), (464, 4)), start=1):
            rest = [Shuffle(outputs) for _ in range(count - 1)]
            setattr(self, f"layer{stage}", nn.Sequential(ShuffleDown(inputs, outputs), *rest))
            inputs = outputs
        self.conv2, self.bn2 = convolution(464, 1024, 1), nn.BatchNorm2d(1024)
        self.linear = nn.Linear(1024, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer3(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x))))))
        return self.linear(torch.relu(self.bn2(self.conv2(x))).mean((2, 3)))


_RESNET34 = {"blocks": (3, 4, 6, 3)}
_RESNET50 = {"blocks": (3, 4, 6, 3), "block": bottleneck, "expansion": 4}
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": resnet,
    "resnet34": partial(resnet, **_RESNET34),
    "resnet50": partial(resnet, **_RESNET50),
    "senet18": partial(resnet, block=PreActivation),
    "efficientnet_b0": efficientnet,
    "vgg19": VGG19,
    "mobilenet": mobilenet,
    "mobilenet_v2": mobilenet_v2,
    "shufflenet_v2": ShuffleNetV2,
    "regnetx_200mf": regnet,
    "simple_dla": simple_dla,
    "dpn92": DPN92,
    "googlenet": GoogLeNet,
    "densenet121": DenseNet121,
    "resnext29_2x64d": resnext,
    "vit": ViT,
    "mlp": partial(MLP, 128),
    "resnet18_imagenet": partial(resnet, imagenet=True),
    "resnet34_imagenet": partial(resnet, imagenet=True, **_RESNET34),
    "resnet50_imagenet": partial(resnet, imagenet=True, **_RESNET50),
    "senet18_imagenet": partial(resnet, block=PreActivation, imagenet=True),
}


def torch_state_dict(name: str, module: nn.Module) -> dict[str, torch.Tensor]:
    """Its tensors under the keys that rcjax's network of this name expects."""
    tensors = module.state_dict()
    if not (name.startswith("resnet") and name.endswith("_imagenet")):
        return tensors
    renamed = {".shortcut.": ".downsample.", "linear.": "fc."}
    for ours, theirs in renamed.items():
        tensors = {key.replace(ours, theirs): tensor for key, tensor in tensors.items()}
    return tensors
