"""effdet's EfficientDet and timm's classifiers (Apache-2.0), random weights, exported here: our rows against theirs."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun import Detector

torch = pytest.importorskip("torch", reason="the referees are PyTorch models")
pytest.importorskip("torchvision", reason="timm needs torchvision: pip install torchvision==0.28.0")
timm = pytest.importorskip("timm", reason="the referee is timm: pip install timm")
pytest.importorskip("onnxruntime", reason="exported models are run by ONNX Runtime")

pytestmark = [pytest.mark.referee, pytest.mark.filterwarnings("ignore")]

CLASSES = 90
SIZE = (128, 256)
EVERYTHING = 100_000


@pytest.fixture(scope="module")
def efficientdet(lively):
    effdet = pytest.importorskip("effdet", reason="the referee is effdet: pip install effdet")
    config = effdet.get_efficientdet_config("tf_efficientdet_d0")
    config.update(
        backbone_name="mobilenetv3_small_050", backbone_args={}, image_size=list(SIZE), num_classes=CLASSES,
        fpn_channels=16, fpn_cell_repeats=1, box_class_repeats=1,
    )  # fmt: skip
    model = lively(effdet.EfficientDet(config, pretrained_backbone=False), 2.5)
    with torch.no_grad():
        scores, offsets = model(torch.randn(1, 3, *SIZE))
        for head, part in ((model.class_net, scores), (model.box_net, offsets)):  # as spread as training makes them
            head.predict.conv_pw.weight /= torch.cat([each.flatten() for each in part]).std()
            torch.nn.init.zeros_(head.predict.conv_pw.bias)
    return effdet, model


class Tables(torch.nn.Module):
    """All strides in two tables, as most who export it write it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        scores, offsets = self.model(pixels)
        flat = [
            torch.cat([each.permute(0, 2, 3, 1).reshape(1, -1, width) for each in part], dim=1)
            for part, width in ((scores, CLASSES), (offsets, 4))
        ]
        return flat[0].sigmoid(), flat[1]


def of_effdet(effdet, model, scores, offsets):
    """x1 y1 x2 y2 score class of every anchor's best class, by effdet's own anchors and decoding."""
    from effdet.anchors import Anchors, decode_box_outputs

    boxes = decode_box_outputs(offsets, Anchors.from_config(model.config).boxes, output_xyxy=True)
    best = scores.max(dim=1)
    rows = np.column_stack([boxes, best.values, best.indices]).astype(np.float64)
    height, width = SIZE
    rows[:, :4] = np.clip(rows[:, :4], 0, [width, height, width, height])
    return rows


@pytest.mark.parametrize("split", [False, True], ids=["two tables", "stride by stride"])
def test_efficientdet_is_read_with_effdets_own_anchors(
    split, efficientdet, tmp_path, record_property, noise, export, differences, rows_of
):
    effdet, model = efficientdet
    picture = noise(SIZE)
    names = [f"{kind}_{level}" for kind in ("class", "box") for level in range(3, 8)] if split else ["scores", "boxes"]
    module = model if split else Tables(model).eval()
    export(module, tmp_path / "model.onnx", torch.rand(1, 3, *SIZE), names)
    decoder = "efficientdet-split" if split else "efficientdet"
    with Detector.load(tmp_path / "model.onnx", decoder=decoder) as detector:
        fed = detector.feed(picture, color="rgb")
        mean, std = timm.data.IMAGENET_DEFAULT_MEAN, timm.data.IMAGENET_DEFAULT_STD
        np.testing.assert_allclose(fed["images"][0].transpose(1, 2, 0), (picture / 255 - mean) / std, atol=1e-5)
        raw = {name: torch.from_numpy(array) for name, array in detector.session.run(fed).items()}
        scores, offsets = (raw["scores"], raw["boxes"]) if not split else (None, None)
        if split:
            scores, offsets = (
                torch.cat(
                    [raw[f"{kind}_{level}"].permute(0, 2, 3, 1).reshape(1, -1, width) for level in range(3, 8)], 1
                )
                for kind, width in (("class", CLASSES), ("box", 4))
            )
            scores = scores.sigmoid()
        expected = of_effdet(effdet, model, scores[0], offsets[0])
        conf = float(np.sort(expected[:, 4])[-501:-499].mean())
        found = detector(picture, color="rgb", conf=conf, nms="none", max_det=EVERYTHING)
    expected = expected[expected[:, 4].astype(np.float32) >= np.float32(conf)]
    assert len(np.unique(expected[:, 5])) > 5
    errors = differences(rows_of(found), expected)
    record_property("box", float(errors[:, :4].max()))
    assert errors[:, :4].max() < 1e-3
    assert errors[:, 4].max() < 1e-5


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "resnet10t", "vit_tiny_patch16_224"])
def test_a_classifier_gives_timms_best_five(name, tmp_path, record_property, noise, lively, export):
    sized = {"img_size": 64, "depth": 1} if name.startswith("vit") else {}
    model = lively(timm.create_model(name, num_classes=1000, **sized))
    picture = noise((64, 64))
    wanted = timm.data.resolve_data_config(model.pretrained_cfg)
    pixels = (picture / 255 - np.array(wanted["mean"])) / np.array(wanted["std"])
    pixels = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32))
    export(model, tmp_path / "model.onnx", pixels, ["logits"])
    with torch.no_grad():
        best = model(pixels)[0].softmax(dim=0).topk(5)
    with Detector.load(tmp_path / "model.onnx", mean=wanted["mean"], std=wanted["std"]) as detector:
        assert detector.card.decoder == "classify"
        found = detector(picture, color="rgb")
    record_property("score", float(np.abs(found.score - best.values.numpy()).max()))
    assert found.class_id.tolist() == best.indices.tolist()
    np.testing.assert_allclose(found.score, best.values.numpy(), atol=1e-5)


@pytest.mark.parametrize(("mode", "part"), [("center", 0.875), ("center", 0.95), ("squash", 0.9), ("center", 1.0)])
def test_a_picture_is_fitted_as_timm_fits_it(tmp_path, mode, part):
    """A ramp: the whole input within two and a half of its 256 levels, for the kernels differ."""
    import json

    from PIL import Image

    from edgerun.dialects import BUILTIN
    from edgerun.interpretation import card_fields
    from edgerun.interpretation.claims import stated
    from edgerun.processing import model_inputs
    from edgerun.processing.preprocess import Plan
    from edgerun.tensors import TensorSpec

    config = {
        "input_size": (3, 224, 224), "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "crop_pct": part,
        "crop_mode": mode, "interpolation": "bilinear",
    }  # fmt: skip
    text = json.dumps({"architecture": "x", "pretrained_cfg": config})
    (tmp_path / "config.json").write_text(text)
    card = card_fields.fold(stated(tmp_path / "model.onnx", {}, BUILTIN, {}))
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[..., 0], picture[..., 1] = np.linspace(0, 255, 640)[None], np.linspace(0, 255, 480)[:, None]
    plan = Plan.of(card, model_inputs.find([TensorSpec("x", (1, 3, 224, 224), "float32")], "model"))
    fed = plan.new_input()
    plan.apply(np.ascontiguousarray(picture[..., ::-1]), fed[0])
    theirs = timm.data.create_transform(**config)(Image.fromarray(picture)).numpy()
    assert np.abs(fed[0] - theirs).max() <= 2.5 / 255 / 0.224
