"""Writes the small programs that the tests open. usage: python write.py      (needs torch and executorch)"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower

FOLDER = Path(__file__).parent


class Slope(torch.nn.Module):
    """Every column its own factor, so that a picture in another order of dimensions gives other numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 2, 1)
        torch.nn.init.constant_(self.convolution.bias, 0.5)
        with torch.no_grad():
            self.convolution.weight.copy_(torch.arange(6.0).reshape(2, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convolution(x)


class Net(torch.nn.Module):
    """Two convolutions and a sum, of which XNNPACK takes all but the sum."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1, stride=2)
        self.second = torch.nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.relu(self.first(x))
        return self.second(y), y.sum((2, 3))


class InPlace(torch.nn.Module):
    """Changes its input in place, which the program gives back besides."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x /= 255
        return torch.relu(x), x.sum()


class Standardised(torch.nn.Module):
    """Takes ImageNet's mean off bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu((x - self.mean) / 58)


class StandardisedNet(Standardised):
    """Likewise, with the channels turned and weighed by a convolution of single pixels, and another one behind."""

    def __init__(self) -> None:
        super().__init__()
        self.turn, self.first = torch.nn.Conv2d(3, 3, 1), torch.nn.Conv2d(3, 4, 3, stride=2)
        with torch.no_grad():
            self.turn.weight.copy_(torch.tensor([[0, 0, 1.0], [0, 2.0, 0], [4.0, 0, 0]]).view(3, 3, 1, 1))
            self.turn.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(self.turn((x - self.mean) / 58))


def write(name: str, model: torch.nn.Module, x: torch.Tensor, xnnpack: bool, **options: Any) -> None:
    """Export, lower, save."""
    shapes = options.pop("dynamic_shapes", None)
    program = torch.export.export(model.eval(), (x,), dynamic_shapes=shapes)
    partitioner = [XnnpackPartitioner()] if xnnpack else []
    lowered = to_edge_transform_and_lower(program, partitioner=partitioner, **options)
    (FOLDER / name).write_bytes(lowered.to_executorch().buffer)


if __name__ == "__main__":
    picture = torch.zeros(1, 3, 32, 48)
    card = '{"edgerun": 1, "labels": ["cat", "dog"], "color": "bgr"}'
    constants = {"edgerun": card, "stride": 32, "ratio": 0.5, "names": ["cat", "dog"], "flag": True}
    write("constants.pte", Slope(), torch.zeros(1, 3, 4, 6), False, constant_methods=constants)
    write("channels_last.pte", Slope(), torch.zeros(1, 3, 4, 6).to(memory_format=torch.channels_last), False)
    write("net.pte", Net(), picture, True)
    write("lowered_mean.pte", StandardisedNet(), torch.zeros(1, 3, 8, 8), True)
    write("portable.pte", Net(), picture, False)
    height, width = torch.export.Dim("height", min=2, max=16), torch.export.Dim("width", min=2, max=24)
    write("open_sizes.pte", Net(), picture, True, dynamic_shapes={"x": {2: 2 * height, 3: 2 * width}})
    write("in_place.pte", InPlace(), torch.zeros(1, 3, 8, 8), False)
    write("mean_taken_off.pte", Standardised(), torch.zeros(1, 3, 8, 8), False)
