"""What the network is told about a batch: which places answer for which code, and how wrong they are."""

from dataclasses import dataclass

import torch
from network import corners
from torch import Tensor
from torch.nn import functional

ANSWERING = 9  # places per code
MIDDLE = 0.6  # of the box: only places in its middle may answer
BOX_WEIGHT, LABEL_WEIGHT = 2.5, 1.5
EMPTY_WEIGHT, EMPTY_FLOOR = 1.0, 0.02  # of an empty place: by how sure it was of a code, and at least so much
LABEL_SMOOTHING = 0.02


@dataclass(frozen=True, slots=True)
class Losses:
    """Scalars: objectness, box and label, each per answering place; `total` is their weighted sum."""

    total: Tensor
    objectness: Tensor
    box: Tensor
    label: Tensor


def overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of boxes [..., 4] x0 y0 x1 y1, broadcast."""
    ax0, ay0, ax1, ay1 = a.unbind(-1)
    bx0, by0, bx1, by1 = b.unbind(-1)
    shared = (torch.minimum(ax1, bx1) - torch.maximum(ax0, bx0)).clamp(0) * (
        torch.minimum(ay1, by1) - torch.maximum(ay0, by0)
    ).clamp(0)
    union = (ax1 - ax0).clamp(0) * (ay1 - ay0).clamp(0) + (bx1 - bx0).clamp(0) * (by1 - by0).clamp(0) - shared + 1e-6
    hull = (torch.maximum(ax1, bx1) - torch.minimum(ax0, bx0)) * (torch.maximum(ay1, by1) - torch.minimum(ay0, by0))
    iou = shared / union
    return iou, iou - (hull + 1e-6 - union) / (hull + 1e-6)


@torch.no_grad()
def assign(
    predicted: Tensor, objectness: Tensor, truth: Tensor, centres: Tensor, strides: Tensor
) -> tuple[Tensor, Tensor]:
    """Which code each place answers for, and how sure it ought to be.

    predicted [B, A, 4] px, objectness [B, A] logits, truth [B, M, 5] (unused rows -1)
    -> index of the code int64 [B, A] and target float32 [B, A], 0 where the place is empty.
    Task-aligned: the places which already see a code best answer for it.
    """
    boxes, used = truth[:, :, None, :4], truth[:, :, 4] >= 0
    middle, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2
    reach = torch.minimum(torch.maximum(half * MIDDLE, strides), torch.maximum(half, strides / 2))
    allowed = ((centres - middle).abs() <= reach).all(-1) & used[..., None]  # [B, M, A]
    iou, _ = overlap(predicted[:, None], boxes)
    merit = (objectness.sigmoid()[:, None].sqrt() * iou**4 + 1e-9) * allowed
    answers = allowed & (merit >= merit.topk(ANSWERING, -1).values[..., -1:].clamp(min=1e-10))
    winner = (merit * answers).argmax(1)  # a place answers for one code only
    answers &= functional.one_hot(winner, truth.shape[1]).transpose(1, 2).bool()
    merit, iou = merit * answers, iou * answers
    target = merit / (merit.amax(-1, keepdim=True) + 1e-12) * iou.amax(-1, keepdim=True).clamp(min=0.05)
    return winner, (target * answers).sum(1)


def losses(labels: Tensor, boxes: Tensor, truth: Tensor, centres: Tensor, strides: Tensor) -> Losses:
    """Labels [B, A, 4] and boxes [B, A, 5] from the network, truth [B, M, 5] in px with unused rows -1."""
    predicted, objectness = corners(boxes[..., :4], centres, strides), boxes[..., 4]
    winner, target = assign(predicted.detach(), objectness.detach(), truth, centres, strides)
    full = target > 0
    true_boxes = truth[..., :4].gather(1, winner[..., None].expand(-1, -1, 4))[full]
    true_labels = truth[..., 4].gather(1, winner)[full].long()
    weight = target[full]
    total_weight = target.sum().clamp(min=1)

    care = torch.where(full, 1.0, EMPTY_WEIGHT * objectness.detach().sigmoid() ** 1.5 + EMPTY_FLOOR)
    by_place = functional.binary_cross_entropy_with_logits(objectness, target, reduction="none")
    objectness_loss = (by_place * care).sum() / total_weight
    _, generalised = overlap(predicted[full], true_boxes)
    box_loss = ((1 - generalised) * weight).sum() / total_weight
    surprise = functional.cross_entropy(labels[full], true_labels, reduction="none", label_smoothing=LABEL_SMOOTHING)
    label_loss = (surprise * weight).sum() / total_weight
    return Losses(
        objectness_loss + BOX_WEIGHT * box_loss + LABEL_WEIGHT * label_loss, objectness_loss, box_loss, label_loss
    )
