"""Well-known architectures in plain torch, with random weights: torchvision is not needed.

Each function gives the network and the shape of its input, or for BERT its input. Tables of layers follow the papers.
"""

# ruff: noqa: D102 (what forward does, the class says)

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

RELU, RELU6, SILU, HARDSWISH = nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish
Network = tuple[nn.Module, tuple[int, ...] | Tensor]


def unit(
    inputs: int, outputs: int, kernel: Any = 1, stride: int = 1, groups: int = 1, act: Any = RELU, dilation: int = 1
) -> nn.Sequential:
    """Convolution, batch normalisation, activation."""
    padding = tuple(k // 2 * dilation for k in kernel) if isinstance(kernel, tuple) else kernel // 2 * dilation
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), *([act()] if act else []))


def head(width: int) -> nn.Sequential:
    """Mean over the image, then 1000 classes."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1000))


class Sum(nn.Module):
    """Branches added up; an activation after."""

    def __init__(self, *branches: nn.Module, act: Any = nn.Identity) -> None:
        super().__init__()
        self.branches, self.act = nn.ModuleList(branches), act()

    def forward(self, x: Tensor) -> Tensor:
        total = self.branches[0](x)
        for branch in self.branches[1:]:
            total = total + branch(x)
        return self.act(total)


class Join(nn.Module):
    """Branches side by side in the channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Squeeze(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, width: int, middle: int, act: Any, gate: Any) -> None:
        super().__init__()
        pool = nn.AdaptiveAvgPool2d(1)
        self.scale = nn.Sequential(pool, nn.Conv2d(width, middle, 1), act(), nn.Conv2d(middle, width, 1), gate())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale(x)


def inverted(i: int, middle: int, o: int, kernel: int, stride: int, act: Any, squeeze: Any = None) -> nn.Module:
    """The block of MobileNet and EfficientNet."""
    parts = [unit(i, middle, act=act)] if middle != i else []
    parts += [
        unit(middle, middle, kernel, stride, middle, act),
        *([squeeze] if squeeze else []),
        unit(middle, o, act=None),
    ]
    block = nn.Sequential(*parts)
    return Sum(nn.Identity(), block) if stride == 1 and i == o else block


def resnet18() -> Network:
    """ResNet-18."""
    parts = [unit(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    for i, o, s in (
        (64, 64, 1),
        (64, 64, 1),
        (64, 128, 2),
        (128, 128, 1),
        (128, 256, 2),
        (256, 256, 1),
        (256, 512, 2),
        (512, 512, 1),
    ):
        short = nn.Identity() if i == o else unit(i, o, 1, s, act=None)
        parts.append(Sum(nn.Sequential(unit(i, o, 3, s), unit(o, o, 3, act=None)), short, act=RELU))
    return nn.Sequential(*parts, head(512)), (1, 3, 224, 224)


def mobilenet_v2() -> Network:
    """MobileNetV2."""
    parts, i = [unit(3, 32, 3, 2, act=RELU6)], 32
    for t, o, n, s in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for turn in range(n):
            parts.append(inverted(i, i * t, o, 3, 1 if turn else s, RELU6))
            i = o
    return nn.Sequential(*parts, unit(320, 1280, act=RELU6), head(1280)), (1, 3, 224, 224)


def mobilenet_v3_small() -> Network:
    """MobileNetV3-Small."""
    parts, i = [unit(3, 16, 3, 2, act=HARDSWISH)], 16
    rows = (
        (3, 16, 16, 1, RELU, 2), (3, 72, 24, 0, RELU, 2), (3, 88, 24, 0, RELU, 1), (5, 96, 40, 1, HARDSWISH, 2),
        (5, 240, 40, 1, HARDSWISH, 1), (5, 240, 40, 1, HARDSWISH, 1), (5, 120, 48, 1, HARDSWISH, 1),
        (5, 144, 48, 1, HARDSWISH, 1), (5, 288, 96, 1, HARDSWISH, 2), (5, 576, 96, 1, HARDSWISH, 1),
        (5, 576, 96, 1, HARDSWISH, 1),
    )  # fmt: skip
    for k, middle, o, se, act, s in rows:
        squeeze = Squeeze(middle, max(8, (middle // 4 + 4) // 8 * 8), RELU, nn.Hardsigmoid) if se else None
        parts.append(inverted(i, middle, o, k, s, act, squeeze))
        i = o
    last = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(576, 1024), HARDSWISH(), nn.Linear(1024, 1000)
    )
    return nn.Sequential(*parts, unit(96, 576, act=HARDSWISH), last), (1, 3, 224, 224)


def efficientnet_b0() -> Network:
    """EfficientNet-B0."""
    parts, i = [unit(3, 32, 3, 2, act=SILU)], 32
    rows = (
        (1, 3, 1, 16, 1),
        (6, 3, 2, 24, 2),
        (6, 5, 2, 40, 2),
        (6, 3, 2, 80, 3),
        (6, 5, 1, 112, 3),
        (6, 5, 2, 192, 4),
        (6, 3, 1, 320, 1),
    )
    for t, k, s, o, n in rows:
        for turn in range(n):
            squeeze = Squeeze(i * t, i // 4, SILU, nn.Sigmoid)
            parts.append(inverted(i, i * t, o, k, 1 if turn else s, SILU, squeeze))
            i = o
    return nn.Sequential(*parts, unit(320, 1280, act=SILU), head(1280)), (1, 3, 224, 224)


class Shuffle(nn.Module):
    """The block of ShuffleNetV2."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        start = inputs if stride == 2 else half
        self.left = nn.Sequential(unit(start, start, 3, 2, start, None), unit(start, half)) if stride == 2 else None
        self.right = nn.Sequential(unit(start, half), unit(half, half, 3, stride, half, None), unit(half, half))

    def forward(self, x: Tensor) -> Tensor:
        a, b = (self.left(x), x) if self.left is not None else x.chunk(2, 1)
        y = torch.cat([a, self.right(b)], 1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def shufflenet_v2() -> Network:
    """ShuffleNetV2 1.0x."""
    parts, i = [unit(3, 24, 3, 2), nn.MaxPool2d(3, 2, 1)], 24
    for o, n in ((116, 4), (232, 8), (464, 4)):
        parts += [Shuffle(i if turn == 0 else o, o, 1 if turn else 2) for turn in range(n)]
        i = o
    return nn.Sequential(*parts, unit(464, 1024), head(1024)), (1, 3, 224, 224)


def squeezenet() -> Network:
    """SqueezeNet 1.1."""

    def fire(i: int, s: int, e: int) -> nn.Module:
        wide = Join(nn.Sequential(nn.Conv2d(s, e, 1), RELU()), nn.Sequential(nn.Conv2d(s, e, 3, padding=1), RELU()))
        return nn.Sequential(nn.Conv2d(i, s, 1), RELU(), wide)

    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    parts = [
        nn.Conv2d(3, 64, 3, 2),
        RELU(),
        pool,
        fire(64, 16, 64),
        fire(128, 16, 64),
        pool,
        fire(128, 32, 128),
        fire(256, 32, 128),
        pool,
    ]
    parts += [fire(256, 48, 192), fire(384, 48, 192), fire(384, 64, 256), fire(512, 64, 256)]
    last = [nn.Conv2d(512, 1000, 1), RELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*parts, *last), (1, 3, 224, 224)


def densenet121() -> Network:
    """DenseNet-121."""

    def before(i: int, o: int, k: int) -> nn.Module:
        return nn.Sequential(nn.BatchNorm2d(i), RELU(), nn.Conv2d(i, o, k, padding=k // 2, bias=False))

    parts, width = [unit(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)], 64
    for place, n in enumerate((6, 12, 24, 16)):
        for _ in range(n):
            parts.append(Join(nn.Identity(), nn.Sequential(before(width, 128, 1), before(128, 32, 3))))
            width += 32
        if place < 3:
            parts += [before(width, width // 2, 1), nn.AvgPool2d(2)]
            width //= 2
    return nn.Sequential(*parts, nn.BatchNorm2d(width), RELU(), head(width)), (1, 3, 224, 224)


def googlenet() -> Network:
    """GoogLeNet (Inception v1) with batch normalisation."""

    def inception(i: int, a: int, b: int, c: int, d: int, e: int, f: int) -> nn.Module:
        pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), unit(i, f))
        return Join(
            unit(i, a), nn.Sequential(unit(i, b), unit(b, c, 3)), nn.Sequential(unit(i, d), unit(d, e, 3)), pooled
        )

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    parts = [unit(3, 64, 7, 2), pool(), unit(64, 64), unit(64, 192, 3), pool()]
    parts += [inception(192, 64, 96, 128, 16, 32, 32), inception(256, 128, 128, 192, 32, 96, 64), pool()]
    parts += [inception(480, 192, 96, 208, 16, 48, 64), inception(512, 160, 112, 224, 24, 64, 64)]
    parts += [inception(512, 128, 128, 256, 24, 64, 64), inception(512, 112, 144, 288, 32, 64, 64)]
    parts += [inception(528, 256, 160, 320, 32, 128, 128), pool()]
    parts += [inception(832, 256, 160, 320, 32, 128, 128), inception(832, 384, 192, 384, 48, 128, 128)]
    return nn.Sequential(*parts, head(1024)), (1, 3, 224, 224)


def regnet_y_400mf() -> Network:
    """RegNetY-400MF."""
    parts, i = [unit(3, 32, 3, 2)], 32
    for o, n in ((48, 1), (104, 3), (208, 6), (440, 6)):
        for turn in range(n):
            s = 1 if turn else 2
            gate = Squeeze(o, i // 4, RELU, nn.Sigmoid)
            block = nn.Sequential(unit(i, o), unit(o, o, 3, s, o // 8), gate, unit(o, o, act=None))
            parts.append(Sum(unit(i, o, 1, s, act=None) if s == 2 else nn.Identity(), block, act=RELU))
            i = o
    return nn.Sequential(*parts, head(440)), (1, 3, 224, 224)


class Across(nn.Module):
    """A layer applied with the channels last."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Scale(nn.Module):
    """A factor per channel, [C, 1, 1]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((width, 1, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def convnext_atto() -> Network:
    """ConvNeXt with the widths and depths of its "atto" size."""
    widths = (40, 80, 160, 320)
    parts: list[nn.Module] = [nn.Conv2d(3, 40, 4, 4), Across(nn.LayerNorm(40, 1e-6))]
    for place, (w, n) in enumerate(zip(widths, (2, 2, 6, 2), strict=True)):
        if place:
            parts += [Across(nn.LayerNorm(widths[place - 1], 1e-6)), nn.Conv2d(widths[place - 1], w, 2, 2)]
        for _ in range(n):
            mlp = Across(nn.LayerNorm(w, 1e-6), nn.Linear(w, 4 * w), nn.GELU(), nn.Linear(4 * w, w))
            parts.append(Sum(nn.Identity(), nn.Sequential(nn.Conv2d(w, w, 7, padding=3, groups=w), mlp, Scale(w))))
    return nn.Sequential(*parts, head(320)), (1, 3, 224, 224)


class Attention(nn.Module):
    """Attention among tokens [B, N, C], with or without a learned bias [heads, N, N] and a mask [windows, 1, N, N]."""

    def __init__(self, width: int, heads: int, tokens: int = 0) -> None:
        super().__init__()
        self.qkv, self.out, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads
        self.bias = nn.Parameter(torch.randn(heads, tokens, tokens) * 0.1) if tokens else None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if self.bias is None:
            y = functional.scaled_dot_product_attention(q, k, v)
        else:
            scores = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1) + self.bias
            y = (scores if mask is None else scores + mask).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(b, n, c))


def layer(width: int, heads: int) -> nn.Module:
    """A layer of a transformer, normalised first."""
    mlp = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
    attention = nn.Sequential(nn.LayerNorm(width), Attention(width, heads))
    return nn.Sequential(Sum(nn.Identity(), attention), Sum(nn.Identity(), mlp))


class Vit(nn.Module):
    """Patches of 16, a class token, learned positions."""

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token, self.place = nn.Parameter(torch.randn(1, 1, width)), nn.Parameter(torch.randn(1, 197, width))
        self.layers = nn.Sequential(*(layer(width, heads) for _ in range(depth)), nn.LayerNorm(width))
        self.head = nn.Linear(width, 1000)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patches(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.token.expand(y.shape[0], -1, -1), y], 1) + self.place
        return self.head(self.layers(y)[:, 0])


def vit_tiny() -> Network:
    """ViT-Ti/16."""
    return Vit(192, 12, 3), (1, 3, 224, 224)


class Window(nn.Module):
    """A layer of Swin on [B, H, W, C]: windows of 7, moved by ``shift``."""

    def __init__(self, width: int, heads: int, size: int, shift: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.shift = Attention(width, heads, 49), shift
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        areas = torch.zeros(size, size)
        for row, a in enumerate(
            (slice(0, -7), slice(-7, -shift or None), slice(-shift, None) if shift else slice(0, 0))
        ):
            for column, b in enumerate(
                (slice(0, -7), slice(-7, -shift or None), slice(-shift, None) if shift else slice(0, 0))
            ):
                areas[a, b] = 3 * row + column
        split = areas.view(size // 7, 7, size // 7, 7).permute(0, 2, 1, 3).reshape(-1, 49)
        mask = (split[:, None] != split[:, :, None]).float().mul(-100.0)[:, None]
        self.register_buffer("mask", mask if shift else None)

    def forward(self, x: Tensor) -> Tensor:
        b, h, w, c = x.shape
        y = self.first(x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = y.view(b, h // 7, 7, w // 7, 7, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 49, c)
        y = self.attention(y, self.mask)
        y = y.view(b, h // 7, w // 7, 7, 7, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.mlp(self.second(x))


class Merge(nn.Module):
    """Four neighbours of [B, H, W, C] become one of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.reduce = nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        return self.reduce(self.norm(y))


class Swin(nn.Module):
    """Four stages of two layers each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        parts: list[nn.Module] = [nn.LayerNorm(width)]
        for stage, size in enumerate((56, 28, 14, 7)):
            w, heads = width << stage, 2 << stage
            parts += [Window(w, heads, size, 0), Window(w, heads, size, 3 if size > 7 else 0)]
            if stage < 3:
                parts.append(Merge(w))
        self.stages, self.norm = nn.Sequential(*parts), nn.LayerNorm(width * 8)
        self.head = nn.Linear(width * 8, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.stages(self.patches(x).permute(0, 2, 3, 1))).mean((1, 2)))


def swin_48() -> Network:
    """Swin, half as wide and deep as its "tiny" size."""
    return Swin(48), (1, 3, 224, 224)


class Mixer(nn.Module):
    """A layer of MLP-Mixer on [B, N, C]."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across = nn.Sequential(nn.Linear(tokens, 256), nn.GELU(), nn.Linear(256, tokens))
        self.within = nn.Sequential(nn.Linear(width, 2048), nn.GELU(), nn.Linear(2048, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.across(self.first(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.second(x))


class Tokens(nn.Module):
    """[B, C, H, W] as [B, HW, C]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)


class Mean(nn.Module):
    """Mean over the tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


def mixer_s32() -> Network:
    """MLP-Mixer S/32, four of its eight layers."""
    parts = [nn.Conv2d(3, 512, 32, 32), Tokens(), *(Mixer(49, 512) for _ in range(4)), nn.LayerNorm(512), Mean()]
    return nn.Sequential(*parts, nn.Linear(512, 1000)), (1, 3, 224, 224)


class UNet(nn.Module):
    """Three steps down, three up by transposed convolutions."""

    def __init__(self, w: int) -> None:
        super().__init__()
        widths = (w, 2 * w, 4 * w, 8 * w)
        self.down = nn.ModuleList(nn.Sequential(unit(i, o, 3), unit(o, o, 3)) for i, o in pairwise((3, *widths)))
        back = list(pairwise(widths[::-1]))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, 2) for i, o in back)
        self.up = nn.ModuleList(nn.Sequential(unit(2 * o, o, 3), unit(o, o, 3)) for _, o in back)
        self.last = nn.Conv2d(w, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for place, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if place else x)
            kept.append(x)
        for grow, block, skip in zip(self.grow, self.up, kept[-2::-1], strict=True):
            x = block(torch.cat([skip, grow(x)], 1))
        return self.last(x)


def unet() -> Network:
    """U-Net, 16 channels wide at the top."""
    return UNet(16), (1, 3, 160, 160)


class Aspp(nn.Module):
    """DeepLabV3's head: parallel dilations and a mean, scaled up to the image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            unit(3, 32, 3, 2), unit(32, 64, 3, 2), unit(64, width, 3, 2), unit(width, width, 3, dilation=2)
        )
        self.branches = nn.ModuleList([unit(width, 64), *(unit(width, 64, 3, dilation=d) for d in (12, 24, 36))])
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), unit(width, 64))
        self.last = nn.Sequential(unit(320, 64), nn.Conv2d(64, 21, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        pooled = functional.interpolate(self.pooled(y), size=y.shape[-2:], mode="bilinear", align_corners=False)
        y = self.last(torch.cat([*(branch(y) for branch in self.branches), pooled], 1))
        return functional.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)


def deeplab() -> Network:
    """DeepLabV3's head on a short body."""
    return Aspp(128), (1, 3, 256, 256)


class Bottlenecks(nn.Module):
    """YOLOv8's C2f."""

    def __init__(self, i: int, o: int, n: int = 1, add: bool = True) -> None:
        super().__init__()
        h = o // 2
        self.first, self.last = unit(i, o, act=SILU), unit((2 + n) * h, o, act=SILU)
        blocks = (nn.Sequential(unit(h, h, 3, act=SILU), unit(h, h, 3, act=SILU)) for _ in range(n))
        self.blocks = nn.ModuleList(Sum(nn.Identity(), block) if add else block for block in blocks)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.first(x).chunk(2, 1))
        for block in self.blocks:
            parts.append(block(parts[-1]))
        return self.last(torch.cat(parts, 1))


class Yolo(nn.Module):
    """A body and neck in the manner of YOLOv8n, and an anchor-free head with its boxes decoded."""

    def __init__(self) -> None:
        super().__init__()
        self.p3 = nn.Sequential(
            unit(3, 16, 3, 2, act=SILU),
            unit(16, 32, 3, 2, act=SILU),
            Bottlenecks(32, 32),
            unit(32, 64, 3, 2, act=SILU),
            Bottlenecks(64, 64, 2),
        )
        self.p4 = nn.Sequential(unit(64, 128, 3, 2, act=SILU), Bottlenecks(128, 128, 2))
        self.p5 = nn.Sequential(unit(128, 256, 3, 2, act=SILU), Bottlenecks(256, 256), unit(256, 128, act=SILU))
        self.spp = unit(512, 256, act=SILU)
        self.n4, self.n3 = Bottlenecks(384, 128, add=False), Bottlenecks(192, 64, add=False)
        self.heads = nn.ModuleList(
            nn.Sequential(unit(w, 64, 3, act=SILU), nn.Conv2d(64, 64 + 80, 1)) for w in (64, 128, 256)
        )
        self.register_buffer("bins", torch.arange(16.0).view(1, 1, 16, 1))
        rows = [(x + 0.5, y + 0.5, s) for s in (8, 16, 32) for y in range(256 // s) for x in range(256 // s)]
        self.register_buffer("grid", torch.tensor(rows).T[None].contiguous())

    def forward(self, x: Tensor) -> Tensor:
        a = self.p3(x)
        b = self.p4(a)
        pools = [self.p5(b)]
        for _ in range(3):
            pools.append(functional.max_pool2d(pools[-1], 5, 1, 2))
        c = self.spp(torch.cat(pools, 1))
        b = self.n4(torch.cat([functional.interpolate(c, scale_factor=2.0), b], 1))
        a = self.n3(torch.cat([functional.interpolate(b, scale_factor=2.0), a], 1))
        y = torch.cat([head(p).flatten(2) for head, p in zip(self.heads, (a, b, c), strict=True)], 2)
        sides, classes = y.split((64, 80), 1)
        sides = (sides.view(1, 4, 16, -1).softmax(2) * self.bins).sum(2)
        low, high = self.grid[:, :2] - sides[:, :2], self.grid[:, :2] + sides[:, 2:]
        boxes = torch.cat([(low + high) / 2, high - low], 1) * self.grid[:, 2:]
        return torch.cat([boxes, classes.sigmoid()], 1)


def yolo() -> Network:
    """A detector in the manner of YOLOv8n."""
    return Yolo(), (1, 3, 256, 256)


class Crnn(nn.Module):
    """Convolutions, then two bidirectional LSTMs along the line of text."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            unit(1, 32, 3), nn.MaxPool2d(2), unit(32, 64, 3), nn.MaxPool2d(2), unit(64, 128, 3),
            nn.MaxPool2d((2, 1)), unit(128, 128, 3), nn.MaxPool2d((4, 1)),
        )  # fmt: skip
        self.lstm, self.last = nn.LSTM(128, 128, 2, bidirectional=True), nn.Linear(256, 37)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(self.body(x).squeeze(2).permute(2, 0, 1))
        return self.last(y).log_softmax(-1)


def crnn() -> Network:
    """CRNN, which reads text."""
    return Crnn(), (1, 1, 32, 128)


class Bert(nn.Module):
    """Words and places, layers normalised after."""

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(8000, width), nn.Embedding(128, width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    Attention(width, heads),
                    nn.LayerNorm(width),
                    nn.Linear(width, 4 * width),
                    nn.Linear(4 * width, width),
                    nn.LayerNorm(width),
                ]
            )
            for _ in range(depth)
        )
        self.register_buffer("order", torch.arange(128)[None])

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.words(x) + self.places(self.order))
        for attention, first, wide, narrow, second in self.layers:  # type: ignore[misc]
            y = first(y + attention(y))
            y = second(y + narrow(functional.gelu(wide(y))))
        return y


def bert_mini() -> Network:
    """BERT-mini: 4 layers of 256, a vocabulary of 8000."""
    return Bert(256, 4, 4), torch.randint(0, 8000, (1, 128), dtype=torch.int32)


class Gated(nn.Module):
    """A layer of WaveNet on [B, C, T]."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.wide, self.out, self.pad = (
            nn.Conv1d(width, 2 * width, 2, dilation=dilation),
            nn.Conv1d(width, width, 1),
            dilation,
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.wide(functional.pad(x, (self.pad, 0))).chunk(2, 1)
        return x + self.out(torch.tanh(a) * torch.sigmoid(b))


def wavenet() -> Network:
    """WaveNet's residual layers, ten dilations."""
    parts = [nn.Conv1d(1, 64, 1), *(Gated(64, 1 << k) for k in range(10)), RELU(), nn.Conv1d(64, 256, 1)]
    return nn.Sequential(*parts), (1, 1, 2048)


NETWORKS: dict[str, Callable[[], Network]] = {
    build.__name__: build
    for build in (
        resnet18, mobilenet_v2, efficientnet_b0, mobilenet_v3_small, shufflenet_v2, squeezenet, densenet121, googlenet,
        regnet_y_400mf, convnext_atto, vit_tiny, swin_48, mixer_s32, unet, deeplab, yolo, crnn, bert_mini, wavenet,
    )
}  # fmt: skip
