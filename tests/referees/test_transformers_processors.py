"""Image processors of transformers (Apache-2.0), 5.23: what edgerun feeds against what they feed, class by class.

What is compared: the whole input, float32, within 1e-6 of its own scale (values up to about 10), and its size. Images
are constant where the class resamples, so that no kernel shows (they use antialiased ones, edgerun a bilinear one);
where the fit leaves an image as large as it is, images are noise. A ramp, within two of its 256 levels at its centre,
shows that the right part of the image was cut out. Borders by `pad_size` are compared within half a level.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgerun.dialects import BUILTIN
from edgerun.interpretation import card_fields
from edgerun.interpretation.claims import stated
from edgerun.processing import model_inputs
from edgerun.processing.feed import Feed
from edgerun.tensors import TensorSpec

transformers = pytest.importorskip("transformers", reason="the referee is transformers: pip install transformers")
pytest.importorskip("torch", reason="its processors are run by PyTorch")
pytest.importorskip("torchvision", reason="its processors resize by torchvision")

pytestmark = [pytest.mark.referee, pytest.mark.filterwarnings("ignore")]

CUT = {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}}
SIDES = {"size": {"shortest_edge": 160, "longest_edge": 266}}

CLASSES = [
    ("ViTImageProcessor", {}, None),
    ("BeitImageProcessor", {}, None),
    ("BeitImageProcessor", {"size": {"height": 256, "width": 256}, "do_center_crop": True}, None),
    ("DeiTImageProcessor", {}, None),
    ("BitImageProcessor", CUT, None),
    ("CLIPImageProcessor", {}, None),
    ("SiglipImageProcessor", {}, None),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 224}}, None),
    ("ConvNextImageProcessor", {}, None),
    ("EfficientNetImageProcessor", {"size": {"height": 224, "width": 224}}, None),
    ("EfficientNetImageProcessor", {"include_top": False, "rescale_offset": True, "rescale_factor": 1 / 127.5}, None),
    ("LevitImageProcessor", {}, None),
    ("PoolFormerImageProcessor", {}, None),
    ("MobileNetV1ImageProcessor", {}, None),
    ("MobileNetV2ImageProcessor", {}, None),
    ("MobileViTImageProcessor", {"size": {"shortest_edge": 288}}, None),
    ("PvtImageProcessor", {}, None),
    ("PerceiverImageProcessor", {}, None),
    ("SegformerImageProcessor", {}, None),
    ("OwlViTImageProcessor", {}, None),
    ("DetrImageProcessor", SIDES, "open"),
    ("DetrImageProcessor", {**SIDES, "pad_size": {"height": 288, "width": 288}}, None),
    ("DetrImageProcessor", {"size": {"max_height": 96, "max_width": 128}}, "open"),
    ("ConditionalDetrImageProcessor", SIDES, "open"),
    ("DeformableDetrImageProcessor", SIDES, "open"),
    ("GroundingDinoImageProcessor", SIDES, "open"),
    ("YolosImageProcessor", SIDES, "open"),
    ("RfDetrImageProcessor", {"size": {"height": 160, "width": 160}}, None),
    ("RTDetrImageProcessor", {"size": {"height": 160, "width": 160}}, None),
    ("MaskFormerImageProcessor", SIDES, "open"),
    ("Mask2FormerImageProcessor", SIDES, "open"),
    ("OneFormerImageProcessor", SIDES, "open"),
    ("TextNetImageProcessor", {"size": {"shortest_edge": 160}}, "open"),
]

SHAPES = [(60, 80), (120, 90), (64, 200), (300, 100)]
"""Height and width of images; the last two meet the longer side."""


HALF_A_LEVEL = 0.5 / 255 / 0.224
"""Of 256, normalised: a border has whole levels here, and is 0 after the normalisation there."""


def names(value):
    return value if isinstance(value, str) else ""


@pytest.fixture
def both(tmp_path):
    """(class, its arguments, "open" or None) -> (image, red-green-blue) -> what edgerun feeds, what the class feeds."""

    def both(name, arguments, size):
        processor = getattr(transformers, name)(**arguments)
        processor.save_pretrained(tmp_path)
        saved = json.loads((tmp_path / "preprocessor_config.json").read_text())
        assert saved["image_processor_type"] == name
        card = card_fields.fold(stated(tmp_path / "model.onnx", {}, BUILTIN, {}))
        sides = (None, None) if size == "open" else (card.height, card.width)
        spec = TensorSpec("pixel_values", (1, 3, *sides), "float32")
        feed = Feed([spec], model_inputs.find([spec], "m"), card, batch=1, model="m")

        def fed(image):
            feed.place(0, np.ascontiguousarray(image[..., ::-1]))
            theirs = processor(images=image, return_tensors="np", input_data_format="channels_last")["pixel_values"]
            return feed.filled(1).copy(), np.asarray(theirs)

        return fed

    return both


@pytest.mark.parametrize(("name", "arguments", "size"), CLASSES, ids=names)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_constant_image_is_fed_as_the_class_feeds_it(both, name, arguments, size, shape):
    image = np.full((*shape, 3), (200, 90, 30), np.uint8)
    ours, theirs = both(name, arguments, size)(image)
    assert ours.shape == theirs.shape
    is_border = (theirs == 0).all(axis=1, keepdims=True) & ("pad_size" in arguments)
    np.testing.assert_allclose(np.where(is_border, 0, ours), theirs, atol=1e-5 if np.abs(theirs).max() > 10 else 3e-6)
    assert (np.abs(ours) <= HALF_A_LEVEL)[np.broadcast_to(is_border, ours.shape)].all()


@pytest.mark.parametrize(("name", "arguments", "size"), CLASSES, ids=names)
def test_the_right_part_of_a_ramp_is_fed(both, name, arguments, size):
    image = np.zeros((480, 640, 3), np.uint8)
    image[..., 0], image[..., 1] = np.linspace(0, 255, 640)[None], np.linspace(0, 255, 480)[:, None]
    fed = both(name, arguments, size)
    levels = fed(np.full_like(image, 255))[1] - fed(np.zeros_like(image))[1]
    ours, theirs = fed(image)
    middle = (..., slice(16, -16), slice(16, -16))
    assert (np.abs(ours - theirs)[middle] <= 2.5 * np.abs(levels).max() / 255).all()


@pytest.mark.parametrize(
    "name", ["DetrImageProcessor", "ConditionalDetrImageProcessor", "DeformableDetrImageProcessor"]
)
@pytest.mark.parametrize("shape", [(96, 128), (128, 96), (96, 159)], ids=str)
def test_noise_that_is_not_resized_is_fed_to_the_last_bit(both, name, shape):
    image = np.random.default_rng(2).integers(0, 256, (*shape, 3), np.uint8)
    ours, theirs = both(name, {"size": {"shortest_edge": 96, "longest_edge": 160}}, "open")(image)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
