"""Trains the detector of 2-D codes and writes its ONNX file; one command, one seed:

python training/codes/train.py --out edgerun/models/codes.onnx
"""

import argparse
import copy
import ctypes
import math
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from card import SIDE
from export import export
from loss import Losses, losses
from network import Exported, Network, places
from render import training_set
from torch import Tensor, nn
from torch.nn import functional

SEED = 1
PICTURES = 24_000
STEPS = 13_000
BATCH = 16
CORES = 2
LEARNING_RATE, LAST_SHARE = 2.5e-3, 0.005  # cosine from the one to that share of it
WARM_UP = 200  # steps
WEIGHT_DECAY = 0.02
LONGEST_GRADIENT = 5.0
SMALL_SIDE, SMALL_SHARE = 224, 0.2  # px; the share of the steps, at the start, done at that side
LATER_SIDES = (288, 320, 320)  # px
AVERAGING = 0.998  # of the weights, over steps
SETTLING_PICTURES, SETTLING_BATCH = 2048, 32
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of mallopt, from glibc's malloc.h
REPORT_EVERY, SAVE_EVERY = 100, 1000  # steps


@dataclass(frozen=True, slots=True)
class Pictures:
    """pixels uint8 [N, SIDE, SIDE], truth float32 [N, M, 5]"""

    pixels: Tensor
    truth: Tensor

    def batches(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """`count` batches, every picture once before any comes again: float32 [BATCH, 1, SIDE, SIDE] in 0..1, truth."""
        order, position = torch.randperm(len(self.pixels)), 0
        for _ in range(count):
            if position + BATCH > len(order):
                order, position = torch.randperm(len(self.pixels)), 0
            chosen = order[position : position + BATCH]
            position += BATCH
            yield self.pixels[chosen][:, None].float() / 255, self.truth[chosen].clone()


def rendered(seed: int, count: int) -> Pictures:
    pixels, truth = training_set(seed, count, CORES)
    return Pictures(torch.from_numpy(pixels), torch.from_numpy(truth))


def vary(pictures: Tensor, truth: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Mirrors and turns the whole batch, changes each picture's tones, resizes to `side` px."""
    extent = pictures.shape[-1]
    x0, y0, x1, y1, label = truth.unbind(-1)
    if random.random() < 0.5:
        pictures, x0, x1 = pictures.flip(3), extent - x1, extent - x0
    if random.random() < 0.5:
        pictures, y0, y1 = pictures.flip(2), extent - y1, extent - y0
    if random.random() < 0.5:
        pictures, x0, y0, x1, y1 = pictures.transpose(2, 3), y0, x0, y1, x1
    contrast, brightness, negative = torch.rand(3, len(pictures), 1, 1, 1).unbind(0)
    pictures = torch.where(negative < 0.05, 1 - pictures, pictures)
    pictures = ((pictures - 0.5) * (0.7 + 0.6 * contrast) + 0.35 + 0.3 * brightness).clamp(0, 1)
    boxes = torch.stack([x0, y0, x1, y1], -1)
    if side != extent:
        pictures = functional.interpolate(pictures, (side, side), mode="bilinear", antialias=True)
        boxes = boxes * (side / extent)
    return pictures, torch.cat([boxes, label[..., None]], -1)


def learning_rate(step: int, steps: int) -> float:
    cosine = 0.5 + 0.5 * math.cos(math.pi * step / steps)
    return LEARNING_RATE * min(1, (step + 1) / WARM_UP) * (LAST_SHARE + (1 - LAST_SHARE) * cosine)


def optimizer_for(network: Network) -> torch.optim.Optimizer:
    """AdamW that lets biases and norms be."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=LEARNING_RATE)


@torch.no_grad()
def follow(average: Network, network: Network, step: int) -> None:
    """Moves the averaged weights a little towards the present ones; faster at the start."""
    share = 1 - min(AVERAGING, step / (step + 20))
    for mean, now in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(now, share)
        else:
            mean.copy_(now)


def train(pictures: Pictures, steps: int, log: TextIO, checkpoint: Path) -> Network:
    """The averaged network after `steps`; its state dict goes to `checkpoint` on the way."""
    network = Network()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network)
    optimizer = optimizer_for(network)
    grids = {side: places(side, side) for side in (SMALL_SIDE, *LATER_SIDES)}
    started = time.monotonic()
    print(f"{sum(p.numel() for p in network.parameters())} parameters", file=log, flush=True)
    for step, (batch, truth) in enumerate(pictures.batches(steps)):
        side = SMALL_SIDE if step < SMALL_SHARE * steps else random.choice(LATER_SIDES)
        batch, truth = vary(batch, truth, side)
        labels, boxes = network(batch.contiguous(memory_format=torch.channels_last))
        found = losses(labels, boxes, truth, *grids[side])
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        optimizer.zero_grad(set_to_none=True)
        found.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), LONGEST_GRADIENT)
        optimizer.step()
        follow(average, network, step + 1)
        if (step + 1) % REPORT_EVERY == 0:
            report(step + 1, found, time.monotonic() - started, log)
        if (step + 1) % SAVE_EVERY == 0:
            torch.save(average.state_dict(), checkpoint)
    return average


def report(step: int, found: Losses, wall: float, log: TextIO) -> None:
    print(
        f"step {step}  objectness {found.objectness.item():.3f}  box {found.box.item():.3f}"
        f"  label {found.label.item():.3f}  wall {wall:.0f} s  cpu {time.process_time():.0f} s",
        file=log,
        flush=True,
    )


@torch.no_grad()
def settle(network: Network, pixels: Tensor) -> None:
    """Gives the norms of the averaged weights their own statistics, from `pixels` uint8 [N, SIDE, SIDE]."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over the batches
    network.train()
    for batch in torch.split(pixels, SETTLING_BATCH):
        network((batch[:, None].float() / 255).contiguous(memory_format=torch.channels_last))
    network.eval()


def keep_freed_memory() -> None:
    """Tells glibc to hand nothing back between steps: faulting the same pages in again costs a tenth of the time."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 2**28)):
            libc.mallopt(option, value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--threads", type=int, default=CORES, help="1 is best where another program wants a core")
    parser.add_argument("--log", type=Path, default=Path("build/codes.log"))
    parser.add_argument("--checkpoint", type=Path, default=Path("build/codes.pt"), help="plain state dict")
    options = parser.parse_args()
    for path in (options.log, options.checkpoint):
        path.parent.mkdir(parents=True, exist_ok=True)
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    with options.log.open("w") as log:
        started = time.monotonic()
        pictures = rendered(SEED, options.pictures)
        print(
            f"rendered {options.pictures} pictures of {SIDE} px in {time.monotonic() - started:.0f} s",
            file=log,
            flush=True,
        )
        network = train(pictures, options.steps, log, options.checkpoint)
        settle(network, pictures.pixels[:SETTLING_PICTURES])
        torch.save(network.state_dict(), options.checkpoint)
        network.fuse()
        export(Exported(network).eval(), options.out)
        wall, cpu = time.monotonic() - started, time.process_time()
        print(f"done  wall {wall:.0f} s  cpu of this process {cpu:.0f} s  {options.out.stat().st_size} bytes", file=log)


if __name__ == "__main__":
    main()
