"""Heads of transformers (Apache-2.0), random weights, exported here: our boxes against its own post-processing.

Each model is tiny, but built by the package's own classes; its pictures are prepared by the package's own image
processor, and its two files beside the model tell edgerun all that the export does not.
"""

from __future__ import annotations

import numpy as np
import pytest

from edgerun import Detector
from edgerun.errors import DecoderAmbiguous

transformers = pytest.importorskip("transformers", reason="the referee is transformers: pip install transformers")
torch = pytest.importorskip("torch", reason="the referees are PyTorch models")
pytest.importorskip("onnxruntime", reason="exported models are run by ONNX Runtime")
PIL_Image = pytest.importorskip("PIL.Image", reason="the referee prepares PIL pictures")

pytestmark = [pytest.mark.referee, pytest.mark.filterwarnings("ignore")]

SIZE, SQUARE = (96, 128), (96, 96)
LABELS = 7
QUERIES = 20
COMMON = {"d_model": 32, "num_labels": LABELS, "num_queries": QUERIES, "decoder_layers": 2, "decoder_ffn_dim": 16}
HYBRID = {
    **COMMON, "encoder_hidden_dim": 32, "encoder_in_channels": [16, 16, 16], "decoder_in_channels": [32, 32, 32],
    "encoder_ffn_dim": 16, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "hidden_expansion": 0.5,
}  # fmt: skip
TRANSFORMER = {
    **COMMON, "encoder_layers": 1, "encoder_ffn_dim": 16, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
}  # fmt: skip


def resnet(**habits):
    return transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1], layer_type="basic", **habits
    )


def hgnet():
    return transformers.HGNetV2Config(
        stem_channels=[3, 8, 8], stage_in_channels=[8, 16, 16, 16], stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[16, 16, 16, 16], stage_num_blocks=[1, 1, 1, 1], stage_numb_of_layers=[1, 1, 1, 1],
        hidden_sizes=[16, 16, 16, 16], out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip


def detr(t):
    return t.DetrForObjectDetection(t.DetrConfig(backbone_config=resnet(out_features=["stage4"]), **TRANSFORMER))


def conditional(t):
    config = t.ConditionalDetrConfig(backbone_config=resnet(out_features=["stage4"]), **TRANSFORMER)
    return t.ConditionalDetrForObjectDetection(config)


def deformable(t):
    levels = resnet(out_features=["stage2", "stage3", "stage4"])
    config = t.DeformableDetrConfig(backbone_config=levels, disable_custom_kernels=True, **TRANSFORMER)
    return t.DeformableDetrForObjectDetection(config)


def yolos(t):
    config = t.YolosConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=SIZE,
        num_detection_tokens=QUERIES, num_labels=LABELS, use_mid_position_embeddings=False,
    )  # fmt: skip
    return t.YolosForObjectDetection(config)


def rt_detr(t, version=""):
    backbone = t.RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = getattr(t, f"RTDetr{version}Config")(backbone_config=backbone, **HYBRID)
    return getattr(t, f"RTDetr{version}ForObjectDetection")(config)


def d_fine(t):
    config = t.DFineConfig(backbone_config=hgnet(), lqe_hidden_dim=8, **HYBRID)
    return t.DFineForObjectDetection(config)


def deim(t):
    config = t.Deimv2Config(backbone_config=hgnet(), lqe_hidden_dim=8, **HYBRID)
    return t.Deimv2ForObjectDetection(config)


def lw_detr(t):
    backbone = t.LwDetrViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=SQUARE[0], patch_size=16,
        pretrain_image_size=64, num_windows=4, window_block_indices=[0], out_indices=[1, 2],
    )  # fmt: skip
    config = t.LwDetrConfig(
        backbone_config=backbone, projector_scale_factors=[1.0], decoder_self_attention_heads=2,
        decoder_cross_attention_heads=2, group_detr=1, **COMMON,
    )  # fmt: skip
    return t.LwDetrForObjectDetection(config)


def rf_detr(t, kind="ForObjectDetection"):
    backbone = t.RfDetrDinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=SQUARE[0], patch_size=16,
        num_windows=2, out_indices=[1, 2],
    )  # fmt: skip
    config = t.RfDetrConfig(
        backbone_config=backbone, decoder_self_attention_heads=2, decoder_cross_attention_heads=2, group_detr=1,
        **COMMON,
    )  # fmt: skip
    return getattr(t, f"RfDetr{kind}")(config)


FAMILIES = {
    "detr": (detr, "DetrImageProcessorPil", True, "detr-softmax"),
    "yolos": (yolos, "YolosImageProcessorPil", True, "detr-softmax"),
    "conditional": (conditional, "ConditionalDetrImageProcessorPil", True, "detr-sigmoid"),
    "deformable": (deformable, "DeformableDetrImageProcessorPil", True, "detr-sigmoid"),
    "rt_detr": (rt_detr, "RTDetrImageProcessorPil", False, "detr-sigmoid"),
    "rt_detr_v2": (lambda t: rt_detr(t, "V2"), "RTDetrImageProcessorPil", False, "detr-sigmoid"),
    "d_fine": (d_fine, "RTDetrImageProcessorPil", False, "detr-sigmoid"),
    "deimv2": (deim, "RTDetrImageProcessorPil", False, "detr-sigmoid"),
    "lw_detr": (lw_detr, "DeformableDetrImageProcessorPil", False, "detr-sigmoid"),
    # RF-DETR's own processor needs torchvision; its post-processing is this one with as many answers as queries
    "rf_detr": (rf_detr, "DeformableDetrImageProcessorPil", False, "detr-sigmoid"),
}


RECORDED = ("deformable", "rf_detr")
"""Double precision in a GridSample, and an antialiased bicubic resize."""


class Bare(torch.nn.Module):
    """A model of transformers as a function of the picture alone."""

    def __init__(self, model, names=("logits", "pred_boxes")):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, pixel_values):
        batch, _, height, width = pixel_values.shape
        masked = {"pixel_mask": torch.ones(batch, height, width, dtype=torch.long)}
        if type(self.model).__name__.startswith(("Yolos", "RTDetr", "DFine", "Deimv2", "ViT")):
            masked = {}
        outputs = self.model(pixel_values=pixel_values, **masked)
        return tuple(outputs[name] for name in self.names)


def write_config(model, folder):
    """As `save_pretrained` writes it, without the weights."""
    model.config.architectures = [type(model).__name__]
    model.config.id2label = {number: f"thing {number}" for number in range(LABELS)}
    model.config.save_pretrained(folder)


def processor_of(name, size, aspect_kept):
    height, width = size
    if aspect_kept:
        return getattr(transformers, name)(size={"shortest_edge": height, "longest_edge": width})
    return getattr(transformers, name)(size={"height": height, "width": width}, do_pad=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_boxes_classes_and_scores_are_those_of_the_packages_own_post_processing(
    family, tmp_path, record_property, noise, lively, export, recorded, differences, rows_of
):
    build, processor_name, aspect_kept, decoder = FAMILIES[family]
    size = SQUARE if family in ("lw_detr", "rf_detr") else SIZE
    # RF-DETR's boxes are no sigmoids: wild weights would throw them out of the picture
    model = lively(build(transformers), 0.5 if family == "rf_detr" else 1.5)
    bare = Bare(model).eval()
    processor = processor_of(processor_name, size, aspect_kept)
    write_config(model, tmp_path)
    processor.save_pretrained(tmp_path)
    picture = noise(size)
    pixels = processor(PIL_Image.fromarray(picture), return_tensors="pt")["pixel_values"]
    if family in RECORDED:
        with torch.no_grad():
            outputs = dict(zip(bare.names, bare(pixels), strict=True))
        recorded(outputs, tmp_path / "model.onnx", pixels.shape, "pixel_values")
    else:
        export(bare, tmp_path / "model.onnx", torch.rand(1, 3, *size), bare.names, ["pixel_values"])
    options = {"top_k": QUERIES} if "Deformable" in processor_name or "Conditional" in processor_name else {}
    with Detector.load(tmp_path / "model.onnx") as detector:
        assert detector.card.decoder == decoder
        assert detector.labels == tuple(f"thing {number}" for number in range(LABELS))
        np.testing.assert_allclose(detector.feed(picture, color="rgb")["pixel_values"], pixels.numpy(), atol=1e-5)
        # where the aspect is kept a picture of another size gets a border, which the package cuts off by a mask
        pictures = [picture] if aspect_kept else [picture, noise((150, 70)), noise((60, 211))]
        pairs = [answers(detector, processor, shown, options, rows_of) for shown in pictures]
    errors = np.concatenate([differences(got, expected) for got, expected in pairs])
    record_property("box", float(errors[:, :4].max()))
    record_property("score", float(errors[:, 4].max()))
    assert errors[:, :4].max() < 1e-3
    assert errors[:, 4].max() < 1e-5


def answers(detector, processor, picture, options, rows_of):
    """Our rows and the package's, made of the same outputs."""
    size = picture.shape[:2]
    found = detector(picture, color="rgb", conf=0.0)
    outputs = detector.session.run(detector.feed(picture, color="rgb"))
    outputs = transformers.utils.ModelOutput({name: torch.from_numpy(array) for name, array in outputs.items()})
    (said,) = processor.post_process_object_detection(outputs, threshold=0.0, target_sizes=[size], **options)
    expected = np.column_stack([said["boxes"], said["scores"], said["labels"]]).astype(np.float64)
    expected[:, :4] = np.clip(expected[:, :4], 0, [size[1], size[0]] * 2)
    assert len(np.unique(expected[:, :4].round(2), axis=0)) > 3, "the random model gives the same box everywhere"
    return rows_of(found), expected


def test_rf_detrs_masks_are_those_of_the_package(tmp_path, noise, lively, recorded):
    pytest.importorskip("torchvision", reason="RF-DETR's processor needs torchvision")
    model = lively(rf_detr(transformers, "ForInstanceSegmentation"), 0.5)
    names = ("logits", "pred_boxes", "pred_masks")
    picture, pixels = noise(SQUARE), torch.rand(1, 3, *SQUARE)
    with torch.no_grad():
        outputs = dict(zip(names, Bare(model, names)(pixels), strict=True))
    outputs["pred_masks"] = outputs["pred_masks"] - outputs["pred_masks"].mean()  # some of it in, some out
    recorded(outputs, tmp_path / "model.onnx", pixels.shape, "pixel_values")
    said = transformers.RfDetrImageProcessor().post_process_instance_segmentation(
        transformers.utils.ModelOutput(outputs), threshold=0.0, target_sizes=[SQUARE], return_binary_maps=True
    )[0]
    with Detector.load(tmp_path / "model.onnx", decoder="detr-sigmoid", mean=0, resize="stretch") as detector:
        assert detector.card.task == "segment"
        found = detector(picture, conf=0.0)
    expected = [(entry["score"], entry["label_id"]) for entry in said["segments_info"]]
    np.testing.assert_allclose(found.score, [score for score, _ in expected], atol=1e-5)
    assert found.class_id.tolist() == [label for _, label in expected]
    masks = said["segmentation"].numpy().astype(bool)
    assert 0.1 < masks.mean() < 0.9
    assert (found.masks.bitmaps == masks).mean() > 0.999


def test_without_the_packages_files_random_weights_are_refused(tmp_path, lively, export):
    model = lively(yolos(transformers))
    export(Bare(model).eval(), tmp_path / "model.onnx", torch.rand(1, 3, *SIZE), ("logits", "pred_boxes"))
    with pytest.raises(DecoderAmbiguous) as refusal:
        Detector.load(tmp_path / "model.onnx")
    assert refusal.value.hint.startswith('pass decoder="detr-softmax" or decoder="detr-sigmoid"')
    with pytest.raises(DecoderAmbiguous) as refusal:
        Detector.load(tmp_path / "model.onnx", decoder="detr-sigmoid")
    assert 'resize="stretch"' in refusal.value.hint
    assert "mean=0" in refusal.value.hint
    Detector.load(tmp_path / "model.onnx", decoder="detr-softmax").close()


def test_classifiers_give_the_softmax_of_the_packages_logits(tmp_path, record_property, noise, lively, export):
    size = (32, 32)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8,
        num_labels=LABELS,
    )  # fmt: skip
    model = lively(transformers.ViTForImageClassification(config))
    bare = Bare(model, ("logits",)).eval()
    export(bare, tmp_path / "model.onnx", torch.rand(1, 3, *size), bare.names, ["pixel_values"])
    write_config(model, tmp_path)
    processor = transformers.ViTImageProcessorPil(size={"height": 32, "width": 32})
    processor.save_pretrained(tmp_path)
    pixels = processor(PIL_Image.fromarray(noise(size)), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        best = bare(pixels)[0].softmax(dim=1)[0].topk(5)
    with Detector.load(tmp_path / "model.onnx") as detector:
        assert detector.card.decoder == "classify"
        found = detector(noise(size), color="rgb")
    assert found.class_id.tolist() == best.indices.tolist()
    record_property("score", float(np.abs(found.score - best.values.numpy()).max()))
    np.testing.assert_allclose(found.score, best.values.numpy(), atol=1e-5)
