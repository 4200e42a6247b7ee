"""Residual networks in plain PyTorch: what the benchmarks compare with.

Module names are those of rcjax's networks, so weights go over with `load_torch_state_dict`.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, **options) -> nn.Conv2d:
    options = {"bias": False, "padding": kernel // 2} | options
    return nn.Conv2d(inputs, outputs, kernel, stride, **options)


def projection(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Convolutions, each followed by batch norm and all but the last by ReLU, and a shortcut."""

    def __init__(self, convolutions: list[nn.Conv2d], shortcut: nn.Module | None):
        super().__init__()
        self.count = len(convolutions)
        for number, layer in enumerate(convolutions, start=1):
            setattr(self, f"conv{number}", layer)
            setattr(self, f"bn{number}", nn.BatchNorm2d(layer.out_channels))
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            if number < self.count:
                y = torch.relu(y)
        return y if self.shortcut is None else y + self.shortcut(x)


class Residual(Block):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(super().forward(x))


def basic(inputs: int, outputs: int, stride: int) -> Residual:
    shortcut = projection(inputs, outputs, stride) if stride != 1 or inputs != outputs else None
    layers = [convolution(inputs, outputs, 3, stride), convolution(outputs, outputs, 3)]
    return Residual(layers, shortcut or nn.Sequential())


def bottleneck(
    inputs: int, outputs: int, stride: int, inside: int | None = None, groups: int = 1
) -> Residual:
    inside = inside or outputs // 4
    shortcut = projection(inputs, outputs, stride) if stride != 1 or inputs != outputs else None
    layers = [
        convolution(inputs, inside, 1),
        convolution(inside, inside, 3, stride, groups=groups),
        convolution(inside, outputs, 1),
    ]
    return Residual(layers, shortcut or nn.Sequential())


class PreActivation(nn.Module):
    """The block of SENet18."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = convolution(inputs, outputs, 3, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = convolution(outputs, outputs, 3)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut.append(convolution(inputs, outputs, 1, stride))
        self.fc1 = convolution(outputs, outputs // 16, 1, bias=True)
        self.fc2 = convolution(outputs // 16, outputs, 1, bias=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(x))
        shortcut = self.shortcut(y) if len(self.shortcut) else x
        y = self.conv2(torch.relu(self.bn2(self.conv1(y))))
        weights = torch.relu(self.fc1(y.mean((2, 3), keepdim=True)))
        return y * torch.sigmoid(self.fc2(weights)) + shortcut


class Staged(nn.Module):
    """A stem with batch norm, stages `layer1`, `layer2`, ... of blocks, and a linear layer."""

    def __init__(
        self,
        stages: list[list[nn.Module]],
        outputs: int,
        *,
        stem: nn.Conv2d,
        num_classes: int = 10,
        max_pool: bool = False,
    ):
        super().__init__()
        self.conv1, self.bn1 = stem, nn.BatchNorm2d(stem.out_channels)
        self.stages, self.max_pool = len(stages), max_pool
        for number, blocks in enumerate(stages, start=1):
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.linear = nn.Linear(outputs, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        if self.max_pool:
            x = F.max_pool2d(x, 3, 2, 1)
        for number in range(1, self.stages + 1):
            x = getattr(self, f"layer{number}")(x)
        return self.linear(x.mean((2, 3)))


def resnet(
    block: Callable[[int, int, int], nn.Module] = basic,
    blocks: tuple[int, ...] = (2, 2, 2, 2),
    expansion: int = 1,
    imagenet: bool = False,
    width: int = 64,
    channels: int = 3,
    num_classes: int = 10,
) -> Staged:
    inputs, stages = width, []
    for stage, count in enumerate(blocks):
        outputs = expansion * width * 2**stage
        strides = [1 if stage == 0 else 2, *[1] * (count - 1)]
        sizes = [inputs, *[outputs] * (count - 1)]
        stages.append([block(size, outputs, s) for size, s in zip(sizes, strides, strict=True)])
        inputs = outputs
    stem = convolution(channels, width, 7, 2) if imagenet else convolution(channels, width, 3)
    return Staged(stages, inputs, stem=stem, max_pool=imagenet, num_classes=num_classes)


def resnext() -> Staged:
    inputs, stages = 64, []
    for stage in range(3):
        inside, blocks = 128 * 2**stage, []
        for number in range(3):
            stride = 2 if stage and number == 0 else 1
            blocks.append(bottleneck(inputs, 2 * inside, stride, inside, groups=2))
            inputs = 2 * inside
        stages.append(blocks)
    return Staged(stages, inputs, stem=convolution(3, 64, 1))


def regnet() -> Staged:
    inputs, stages = 64, []
    for outputs, count, stride in ((24, 1, 1), (56, 1, 1), (152, 4, 2), (368, 7, 2)):
        blocks = []
        for number in range(count):
            step = stride if number == 0 else 1
            blocks.append(bottleneck(inputs, outputs, step, outputs, groups=outputs // 8))
            inputs = outputs
        stages.append(blocks)
    return Staged(stages, inputs, stem=convolution(3, 64, 3))
