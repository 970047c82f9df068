"""Architectures that no library among those of `published.py` has, in plain torch with random weights.

Each function gives the network and the shape of its input, or for BERT its input.
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
        sides = (sides.view(len(sides), 4, 16, -1).softmax(2) * self.bins).sum(2)
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


NETWORKS: dict[str, Callable[[], Network]] = {build.__name__: build for build in (unet, yolo, crnn, bert_mini, wavenet)}


def all_networks() -> dict[str, Callable[[], Network]]:
    """Those of this file and those that are published."""
    import published

    return published.NETWORKS | NETWORKS
