"""Networks of branches, trees and attention in plain PyTorch: what the benchmarks compare with.

Module names are those of rcjax's networks, so weights go over with `load_torch_state_dict`.
"""

import torch
from pytorch_resnet import basic, bottleneck, convolution
from torch import nn
from torch.nn import functional as F


def step(inputs: int, outputs: int, kernel: int, bias: bool = False) -> list[nn.Module]:
    layer = convolution(inputs, outputs, kernel, bias=bias)
    return [layer, nn.BatchNorm2d(outputs), nn.ReLU()]


class Inception(nn.Module):
    def __init__(self, inputs: int, one: int, three: list[int], five: list[int], pooled: int):
        super().__init__()
        (reduced_three, three), (reduced_five, five) = three, five
        self.b1 = nn.Sequential(*step(inputs, one, 1, True))
        first, second = step(inputs, reduced_three, 1, True), step(reduced_three, three, 3, True)
        self.b2 = nn.Sequential(*first, *second)
        first, second = step(inputs, reduced_five, 1, True), step(reduced_five, five, 3, True)
        self.b3 = nn.Sequential(*first, *second, *step(five, five, 3, True))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), *step(inputs, pooled, 1, True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)], 1)


class GoogLeNet(nn.Module):
    blocks = (
        ("a3", 192, 64, (96, 128), (16, 32), 32),
        ("b3", 256, 128, (128, 192), (32, 96), 64),
        ("a4", 480, 192, (96, 208), (16, 48), 64),
        ("b4", 512, 160, (112, 224), (24, 64), 64),
        ("c4", 512, 128, (128, 256), (24, 64), 64),
        ("d4", 512, 112, (144, 288), (32, 64), 64),
        ("e4", 528, 256, (160, 320), (32, 128), 128),
        ("a5", 832, 256, (160, 320), (32, 128), 128),
        ("b5", 832, 384, (192, 384), (48, 128), 128),
    )

    def __init__(self):
        super().__init__()
        self.pre_layers = nn.Sequential(*step(3, 192, 3, True))
        for name, *channels in self.blocks:
            setattr(self, name, Inception(*channels))
        self.linear = nn.Linear(1024, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pre_layers(x)
        for name, *_ in self.blocks:
            if name in ("a4", "a5"):
                x = F.max_pool2d(x, 3, 2, 1)
            x = getattr(self, name)(x)
        return self.linear(x.mean((2, 3)))


class Root(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv, self.bn = convolution(2 * channels, channels, 1), nn.BatchNorm2d(channels)

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.bn(self.conv(torch.cat([left, right], 1))))


class Tree(nn.Module):
    def __init__(self, inputs: int, outputs: int, levels: int, stride: int):
        super().__init__()
        sizes = ((inputs, stride), (outputs, 1))
        self.left_tree, self.right_tree = (
            basic(size, outputs, s) if levels == 1 else Tree(size, outputs, levels - 1, s)
            for size, s in sizes
        )
        self.root = Root(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left = self.left_tree(x)
        return self.root(left, self.right_tree(left))


def simple_dla() -> nn.Sequential:
    network = nn.Sequential()
    for name, layer in (
        ("base", nn.Sequential(*step(3, 16, 3))),
        ("layer1", nn.Sequential(*step(16, 16, 3))),
        ("layer2", nn.Sequential(*step(16, 32, 3))),
        ("layer3", Tree(32, 64, 1, 1)),
        ("layer4", Tree(64, 128, 2, 2)),
        ("layer5", Tree(128, 256, 2, 2)),
        ("layer6", Tree(256, 512, 1, 2)),
        ("mean", nn.AdaptiveAvgPool2d(1)),
        ("flat", nn.Flatten()),
        ("linear", nn.Linear(512, 10)),
    ):
        network.add_module(name, layer)
    return network


class DualPath(nn.Module):
    def __init__(self, inputs: int, inside: int, residual: int, dense: int, stride: int | None):
        super().__init__()
        self.residual = residual
        block = bottleneck(inputs, residual + dense, stride or 1, inside, groups=32)
        for name, layer in block.named_children():
            if name != "shortcut":
                setattr(self, name, layer)
        self.shortcut = nn.Sequential()
        if stride:
            outputs = residual + dense
            self.shortcut.append(convolution(inputs, outputs, 1, stride))
            self.shortcut.append(nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(y)))))
        x, kept = self.shortcut(x), self.residual
        return torch.relu(torch.cat([x[:, :kept] + y[:, :kept], x[:, kept:], y[:, kept:]], 1))


class DPN92(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = convolution(3, 64, 3), nn.BatchNorm2d(64)
        inputs = 64
        for stage, (inside, residual, dense, count, stride) in enumerate(
            (
                (96, 256, 16, 3, 1),
                (192, 512, 32, 4, 2),
                (384, 1024, 24, 20, 2),
                (768, 2048, 128, 3, 2),
            ),
            start=1,
        ):
            blocks = []
            for number in range(count):
                step_of_block = None if number else stride
                blocks.append(DualPath(inputs, inside, residual, dense, step_of_block))
                inputs = residual + (number + 2) * dense
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.linear = nn.Linear(inputs, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(384, 384) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            layer(x).unflatten(2, (12, 32)).transpose(1, 2) for layer in (self.q, self.k, self.v)
        )
        y = F.scaled_dot_product_attention(q, k, v, scale=384**-0.5)
        return self.o(y.transpose(1, 2).flatten(2))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.la1, self.msa, self.la2 = nn.LayerNorm(384), Attention(), nn.LayerNorm(384)
        first, second = nn.Linear(384, 384), nn.Linear(384, 384)
        self.mlp = nn.Sequential(first, nn.GELU(), nn.Identity(), second, nn.GELU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.msa(self.la1(x))
        return x + self.mlp(self.la2(x))


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Linear(48, 384)
        self.cls_token = nn.Parameter(torch.randn(1, 1, 384))
        self.pos_emb = nn.Parameter(torch.randn(1, 65, 384))
        self.enc = nn.Sequential(*(Encoder() for _ in range(7)))
        self.fc = nn.Sequential(nn.LayerNorm(384), nn.Linear(384, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grid = x.unflatten(2, (8, 4)).unflatten(4, (8, 4))  # n, channel, row, y, column, x
        patches = grid.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), self.emb(patches)], 1)
        return self.fc(self.enc(tokens + self.pos_emb)[:, 0])


class MLP(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        sizes = ((32 * 32 * 3, width), (width, width), (width, 10))
        layers = [layer for size in sizes for layer in (nn.Linear(*size), nn.ReLU())]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x.permute(0, 2, 3, 1).flatten(1))  # pixels in rcjax's order
