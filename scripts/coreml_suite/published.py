"""Architectures as torchvision, timm and transformers publish them, with random weights.

Detectors are taken up to their heads, one to its end with suppression inside. Nothing is downloaded.
"""

# ruff: noqa: D102 (what forward does, the class says)

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn
from torchvision_operators import provide

Network = tuple[nn.Module, tuple[int, ...] | Tensor]

CLASSIFIERS = (
    "resnet18", "mobilenet_v3_large", "efficientnet_b0", "densenet121", "shufflenet_v2_x1_0", "regnet_y_400mf",
    "squeezenet1_1", "swin_t",
)  # fmt: skip
"""Of torchvision."""

TIMM = (
    "convnext_atto", "efficientvit_b0", "mobilenetv4_conv_small", "repvit_m0_9", "fastvit_t8", "ghostnetv2_100",
    "vit_tiny_patch16_224", "tiny_vit_5m_224", "mixer_s32_224",
)  # fmt: skip


class Heads(nn.Module):
    """Regression and classification of a torchvision detector, side by side over all levels."""

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.head(list(self.backbone(x).values())).values())


class Suppressed(nn.Module):
    """A torchvision detector of the SSD family to its end, for one picture: boxes, scores and labels that are kept."""

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        from torchvision.models.detection.image_list import ImageList

        sizes = [(x.shape[-2], x.shape[-1])]
        features = list(self.detector.backbone(x).values())
        anchors = self.detector.anchor_generator(ImageList(x, sizes), features)
        found = self.detector.postprocess_detections(self.detector.head(features), anchors, sizes)[0]
        return found["boxes"], found["scores"], found["labels"]


class Proposals(nn.Module):
    """Objectness and boxes of Faster R-CNN's first stage, level by level."""

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.rpn.head

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        objectness, boxes = self.head(list(self.backbone(x).values()))
        return (*objectness, *boxes)


class Chosen(nn.Module):
    """Outputs of a model by their names."""

    def __init__(self, model: nn.Module, *names: str) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, x: Tensor) -> Any:
        found = self.model(x)
        chosen = tuple(found[name] for name in self.names)
        return chosen if len(chosen) > 1 else chosen[0]


BY_SIZE = (
    "DetrSinePositionEmbedding", "InterpolateInitialPositionEmbeddings",
    "InterpolateMidPositionEmbeddings",
)  # fmt: skip
"""Modules whose results depend on the size of the picture alone; coremltools cannot convert how they come about."""


class Constant(nn.Module):
    """Gives the same, whatever it is asked."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.register_buffer("value", value.detach().clone())

    def forward(self, *_: Any, **__: Any) -> Any:
        return self.value


def sized(network: nn.Module, x: Tensor) -> None:
    """Replace the modules of `BY_SIZE` by what they give for this input."""
    given: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _, __, result, name=name: given.__setitem__(name, result))
        for name, module in network.named_modules()
        if type(module).__name__ in BY_SIZE
    ]
    network(x)
    for hook in hooks:
        hook.remove()
    for name, result in given.items():
        outer, _, last = name.rpartition(".")
        setattr(network.get_submodule(outer), last, Constant(result))


def classifier(name: str) -> Network:
    """One of torchvision's, at 224 x 224."""
    import torchvision

    return torchvision.models.get_model(name, weights=None), (1, 3, 224, 224)


def of_timm(name: str) -> Network:
    """One of timm's."""
    import timm

    model = timm.create_model(name, pretrained=False)
    return model, (1, *model.default_cfg["input_size"])


def detector(name: str, size: int, part: type[nn.Module] = Heads, **options: Any) -> Network:
    """A part of one of torchvision's detectors."""
    import torchvision

    model = torchvision.models.get_model(name, weights=None, weights_backbone=None, **options)
    return part(model), (1, 3, size, size)


def segmenter(name: str, size: int) -> Network:
    """One of torchvision's models of segmentation."""
    import torchvision

    return Chosen(torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=21), "out"), (
        1,
        3,
        size,
        size,
    )


def detr() -> Network:
    """DETR on ResNet-18, three layers each way; its heads. The picture fills its tensor, so nothing is masked."""
    import transformers
    from transformers.models.detr import modeling_detr

    modeling_detr.create_bidirectional_mask = lambda **_: None

    body = transformers.ResNetConfig(
        depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic", out_features=["stage4"]
    )
    config = transformers.DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=body,
        encoder_layers=3, decoder_layers=3, num_labels=91, attn_implementation="eager",
    )  # fmt: skip
    return Chosen(transformers.DetrForObjectDetection(config), "logits", "pred_boxes"), (1, 3, 320, 320)


def yolos() -> Network:
    """YOLOS-tiny."""
    import transformers

    config = transformers.YolosConfig(
        hidden_size=192, num_attention_heads=3, intermediate_size=768, image_size=[256, 256], num_labels=91,
        attn_implementation="eager",
    )  # fmt: skip
    return Chosen(transformers.YolosForObjectDetection(config), "logits", "pred_boxes"), (1, 3, 256, 256)


NETWORKS: dict[str, Callable[[], Network]] = {}
if provide():
    NETWORKS |= {name: partial(classifier, name) for name in CLASSIFIERS}
    NETWORKS |= {
        "deeplabv3_mobilenet_v3_large": partial(segmenter, "deeplabv3_mobilenet_v3_large", 256),
        "ssdlite320_mobilenet_v3_large": partial(detector, "ssdlite320_mobilenet_v3_large", 320),
        "ssdlite320_to_its_end": partial(
            detector,
            "ssdlite320_mobilenet_v3_large",
            320,
            Suppressed,
            num_classes=4,
            score_thresh=0.0,
            topk_candidates=50,
            detections_per_img=1000,
        ),
        "ssd300_vgg16": partial(detector, "ssd300_vgg16", 300),
        "retinanet_resnet50_fpn": partial(detector, "retinanet_resnet50_fpn", 256),
        "fcos_resnet50_fpn": partial(detector, "fcos_resnet50_fpn", 256),
        "fasterrcnn_mobilenet_v3_large_320_fpn": partial(
            detector, "fasterrcnn_mobilenet_v3_large_320_fpn", 320, Proposals
        ),
    }
    NETWORKS |= {name: partial(of_timm, name) for name in TIMM}
    NETWORKS |= {"detr": detr, "yolos_tiny": yolos}
