"""The network: a small separable backbone, a pyramid of three levels, one head shared by them.

While it is trained, convolutions and batch norms are apart; `fuse` merges them, and what is left (`Exported`) is what
every runtime gets. The ONNX file keeps the fused parameters under their own names, so `load` can rebuild the module
from it for another format.
"""

from pathlib import Path

import torch
from card import LABELS, SIDE
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

STRIDES = (8, 16, 32)  # px
STEM_WIDTH, STAGE_WIDTHS, PYRAMID_WIDTH = 32, (56, 112, 176), 64
OBJECTNESS_AT_START = -4.5  # logit: nearly every place is empty
EXTENT_AT_START = 0.7  # log of a side's distance, in half strides
EXTENT_LIMIT = 4.0  # of the same: keeps exp() tame


class ConvNorm(nn.Module):
    """Convolution, batch norm, perhaps ReLU.

    Levels of the pyramid share the convolution, each has its own norm: their statistics differ, and a shared average
    makes the boxes of large codes a tenth too big.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        *,
        relu: bool = True,
        levels: int = 1,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        padding = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03) for _ in range(levels))
        self.fused = nn.ModuleList()
        self.relu = relu

    def forward(self, x: Tensor, level: int = 0) -> Tensor:
        y: Tensor = self.fused[level](x) if len(self.fused) else self.norms[level](self.conv(x))
        return functional.relu(y) if self.relu else y

    def fuse(self) -> None:
        """Merges the norms into copies of the convolution, one per level; for inference only."""
        for norm in self.norms:
            assert isinstance(norm, nn.BatchNorm2d)
            self.fused.append(fuse_conv_bn_eval(self.conv.eval(), norm.eval()))
        del self.conv, self.norms


class Separable(nn.Module):
    """Depthwise then pointwise; with a shortcut where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, levels: int = 1) -> None:
        super().__init__()
        self.depthwise = ConvNorm(inputs, inputs, kernel, stride, groups=inputs, relu=False, levels=levels)
        self.pointwise = ConvNorm(inputs, outputs, levels=levels)
        self.shortcut = inputs == outputs and stride == 1

    def forward(self, x: Tensor, level: int = 0) -> Tensor:
        y: Tensor = self.pointwise(self.depthwise(x, level), level)
        return x + y if self.shortcut else y


class Head(nn.Module):
    """Per place: four label logits, four extents, one objectness logit."""

    def __init__(self, width: int) -> None:
        super().__init__()
        levels = len(STRIDES)
        self.label_tower = nn.ModuleList(Separable(width, width, 5, levels=levels) for _ in range(2))
        self.box_tower = nn.ModuleList([Separable(width, width, 5, levels=levels)])
        self.label = nn.Conv2d(width, len(LABELS), 1)
        self.box = nn.Conv2d(width, 5, 1)
        assert self.box.bias is not None
        nn.init.constant_(self.box.bias[:4], EXTENT_AT_START)
        nn.init.constant_(self.box.bias[4:], OBJECTNESS_AT_START)

    def forward(self, x: Tensor, level: int) -> tuple[Tensor, Tensor]:
        labels = boxes = x
        for block in self.label_tower:
            labels = block(labels, level)
        for block in self.box_tower:
            boxes = block(boxes, level)
        return self.label(labels), self.box(boxes)


def _stage(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        Separable(inputs, outputs, kernel, 2), Separable(outputs, outputs, kernel), Separable(outputs, outputs, kernel)
    )


class Network(nn.Module):
    """gray float32 [B, 1, H, W] in 0..1, sides a multiple of 32  ->  label logits [B, A, 4], boxes [B, A, 5]

    A counts the places of all levels. A box is four extents (left, top, right, bottom: log of the distance from the
    place's centre in half strides) and the objectness logit.
    """

    def __init__(self) -> None:
        super().__init__()
        narrow, middle, wide = STAGE_WIDTHS
        width = PYRAMID_WIDTH
        self.stem = nn.Sequential(
            ConvNorm(1, STEM_WIDTH, 6, 4, padding=1),
            Separable(STEM_WIDTH, STEM_WIDTH),
            Separable(STEM_WIDTH, STEM_WIDTH),
        )
        self.stage8 = _stage(STEM_WIDTH, narrow, 3)
        self.stage16 = _stage(narrow, middle, 5)
        self.stage32 = _stage(middle, wide, 5)
        self.lateral8, self.lateral16, self.lateral32 = (ConvNorm(w, width) for w in STAGE_WIDTHS)
        self.merge16, self.merge8 = Separable(width, width, 5), Separable(width, width, 5)
        self.down16, self.down32 = Separable(width, width, 3, 2), Separable(width, width, 3, 2)
        self.head = Head(width)

    def forward(self, gray: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.stage8(self.stem(gray - 0.5))
        middle = self.stage16(fine)
        coarse = self.lateral32(self.stage32(middle))
        middle = self.merge16(self.lateral16(middle) + functional.interpolate(coarse, scale_factor=2.0))
        fine = self.merge8(self.lateral8(fine) + functional.interpolate(middle, scale_factor=2.0))
        middle = middle + self.down16(fine)
        coarse = coarse + self.down32(middle)
        found = [self.head(level_input, level) for level, level_input in enumerate((fine, middle, coarse))]
        labels = torch.cat([label.flatten(2) for label, _ in found], 2).transpose(1, 2)
        boxes = torch.cat([box.flatten(2) for _, box in found], 2).transpose(1, 2)
        return labels, boxes

    def fuse(self) -> None:
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fuse()


def places(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Centres float32 [A, 2] (x, y in px) and strides float32 [A, 1] (px) of all levels, finest first, row by row."""
    centres, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        centres.append((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(torch.full((len(centres[-1]), 1), float(stride)))
    return torch.cat(centres), torch.cat(strides)


def corners(extents: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """Extents [B, A, 4] to boxes [B, A, 4] x0 y0 x1 y1, px."""
    distances = extents.clamp(-EXTENT_LIMIT, EXTENT_LIMIT).exp() * (strides / 2)
    return torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)


class Exported(nn.Module):
    """rgb float32 [1, 3, 320, 320] in 0..1  ->  float32 [1, 8, 2100]: cx cy w h in px, then a score for each label"""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        centres, strides = places(SIDE, SIDE)
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("half_strides", strides / 2, persistent=False)
        self.centres: Tensor
        self.half_strides: Tensor

    def forward(self, images: Tensor) -> Tensor:
        labels, boxes = self.network(images.mean(1, keepdim=True))
        before, after = boxes[..., :4].clamp(-EXTENT_LIMIT, EXTENT_LIMIT).exp().mul(self.half_strides).split(2, -1)
        scores = boxes[..., 4:].sigmoid() * labels.softmax(-1)
        return torch.cat([self.centres + (after - before) / 2, before + after, scores], -1).transpose(1, 2)


def load(path: Path) -> Exported:
    """The exported module with the weights that lie in an ONNX file written by `export.py`."""
    import onnx
    from onnx import numpy_helper

    network = Network().eval()
    network.fuse()
    module = Exported(network).eval()
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    wanted = module.state_dict()
    found = {name: torch.from_numpy(stored[name].astype("float32")) for name in wanted}
    module.load_state_dict(found)
    return module
