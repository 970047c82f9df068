"""The path of a frame, top to bottom: images in, one run of the model, detections in image pixels out."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgerun import suppression
from edgerun.arguments import Wanted
from edgerun.boxes import area
from edgerun.card import ModelCard
from edgerun.contract import Arrays, Frame
from edgerun.contract.candidates import Candidates
from edgerun.detections import Detections
from edgerun.errors import EdgerunError, ModelError, translated
from edgerun.interpretation.interpret import Interpretation
from edgerun.media import images
from edgerun.media.origin import Origin
from edgerun.processing import masks, model_inputs, quantization
from edgerun.processing.feed import Feed
from edgerun.processing.model_inputs import ImageInput
from edgerun.processing.preprocess import Geometry
from edgerun.runtime import cpu_cores
from edgerun.runtime.opening import Opened
from edgerun.tensors import FloatArray

__all__ = ["LOAD", "FramePath", "in_pixels", "visible"]

MAX_BATCH = 8
"""Images a run where the model takes any number; more gains nothing and costs memory."""

LOAD = cpu_cores.Load()
"""Threads that the detectors of this process ask for at the same time."""


class FramePath:
    """What every frame goes through, with the buffers that frames share; calls from several threads take turns.

    Attributes:
        session: the opened model.
        feed: what the session is fed.
        batch: images that one run of the model takes at most.
        lock: held while the session or the buffers are in use.
        closed: whether the session is given back.
    """

    def __init__(self, opened: Opened, interpretation: Interpretation) -> None:
        card, image, choice = interpretation.card, interpretation.image, interpretation.choice
        self.session = opened.session
        batch = _batch_size(opened, image, choice.decoder.batched)
        self.feed = Feed(opened.session.inputs, image, card, batch=batch, model=opened.path.name)
        self.batch = self.feed.batch
        self.lock = threading.Lock()
        self.closed = False
        self._opened, self._image_name = opened, image.spec.name
        self._decode_outputs = choice.decode
        self._stacked = choice.decoder.batched and self.batch > 1

    def detect(self, sources: Sequence[Any], color: images.ArrayColor, wanted: Wanted) -> list[Detections]:
        """What is found in at most `batch` images, by one run of the model.

        Raises:
            InputError: an image cannot be read, or the suppression that is wanted does not fit the model.
            ModelError: the runtime failed.
        """
        with self.lock:
            self.refuse_closed()
            started = time.perf_counter()
            geometries = [self.feed.place(slot, images.as_bgr(source, color)) for slot, source in enumerate(sources)]
            card = self.feed.card
            placed = time.perf_counter()
            raw = self._run(len(sources), wanted)
            ran = time.perf_counter()
            outputs = quantization.restore(raw, self.session.outputs)
            candidates = [self._decode(outputs, slot, wanted.conf) for slot in range(len(sources))]
        results = [self._finish(rows, place, wanted, card) for rows, place in zip(candidates, geometries, strict=True)]
        seconds = {"preprocess": placed - started, "inference": ran - placed, "postprocess": time.perf_counter() - ran}
        speed = {stage: took * 1000 / len(sources) for stage, took in seconds.items()}
        paths = [str(source) if isinstance(source, (str, Path)) else "" for source in sources]
        origins = [Origin(source, color) for source in sources]
        return [
            replace(result, speed=speed, path=path, origin=origin)
            for result, path, origin in zip(results, paths, origins, strict=True)
        ]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the model's classes; () where nothing says them."""
        return self.feed.card.labels

    def refuse_closed(self) -> None:
        """Refuse to go on where the session is given back; the lock must be held."""
        if self.closed:
            raise EdgerunError(f"The detector of {self._opened.path.name} is closed.", hint="load it again")

    def _run(self, count: int, wanted: Wanted) -> Arrays:
        """The session's raw outputs for the first `count` slots; for all of them where the model's batch is fixed."""
        opened = self._opened
        with translated(ModelError, f"{opened.backend.name} failed to run {opened.path.name}"):
            thresholds = model_inputs.thresholds(self.session.inputs, wanted.conf, wanted.iou)
            feeds = {self._image_name: self.feed.filled(count), **self.feed.auxiliary, **thresholds}
            with LOAD.running(opened.threads):
                return self.session.run(feeds)

    def _decode(self, outputs: Arrays, slot: int, conf: float) -> Candidates:
        """Candidates of one image, in model pixels."""
        card = self.feed.card
        if self._stacked:
            outputs = {name: array[slot : slot + 1] for name, array in outputs.items()}
        candidates = self._decode_outputs(outputs, Frame(card.height, card.width, conf, card, slot))
        return in_pixels(candidates, card) if card.box_units == "unit" else candidates

    def _finish(self, candidates: Candidates, geometry: Geometry, wanted: Wanted, card: ModelCard) -> Detections:
        """Candidates in model pixels to detections in image pixels."""
        good = wanted.enough(candidates.scores, candidates.classes)
        if wanted.classes is not None:
            good &= np.isin(candidates.classes, wanted.classes)
        finite = np.isfinite(candidates.boxes).all(axis=1) & np.isfinite(candidates.scores)
        if not finite[good].all():
            model = self._opened.path.name
            warnings.warn(f"{model} gave boxes that are not numbers; they are left out", stacklevel=4)
            good &= finite
        candidates = visible(candidates.take(good), geometry)
        return _in_image(suppression.suppressed(candidates, wanted, card.overlap), geometry, card)


def _batch_size(opened: Opened, image: ImageInput, batched: bool) -> int:
    """Images a run: the file's own number, or several where input and outputs leave it open."""
    if image.batch is not None:
        return max(1, image.batch)
    session = opened.session
    outputs_follow = len(session.outputs) > 0 and all(spec.shape[:1] == (None,) for spec in session.outputs)
    if len(session.inputs) > 1 or (batched and not outputs_follow):
        return 1
    return opened.batch or MAX_BATCH


def in_pixels(candidates: Candidates, card: ModelCard) -> Candidates:
    """Everything that is in 0..1 of the input, in model pixels."""
    return candidates.scaled(card.width, card.height)


def visible(candidates: Candidates, geometry: Geometry) -> Candidates:
    """The rows that have an area within the image; the others would take room among `max_det`, and suppress."""
    seen = area(geometry.to_image(candidates.boxes)) > 0
    if candidates.rotated is not None:
        seen &= candidates.rotated[:, 2:4].min(axis=1, initial=np.inf) > 0
    return candidates if seen.all() else candidates.take(seen)


def _in_image(kept: Candidates, geometry: Geometry, card: ModelCard) -> Detections:
    """Model pixels to image pixels, with the optional columns."""
    boxes = geometry.to_image(kept.boxes)
    return Detections(
        xyxy=boxes,
        score=kept.scores,
        class_id=kept.classes,
        names=card.labels,
        shape=(geometry.image_height, geometry.image_width),
        keypoints=None if kept.keypoints is None else geometry.keypoints_to_image(kept.keypoints),
        rotated=None if kept.rotated is None else geometry.rotated_to_image(kept.rotated),
        masks=_masks(kept, boxes, geometry, card),
    )


def _masks(kept: Candidates, boxes: FloatArray, geometry: Geometry, card: ModelCard) -> masks.Masks | None:
    """What a model gives for the whole input is whole; everything else ends at its box."""
    probabilities = kept.masks if kept.box_masks is None else kept.box_masks
    if kept.coefficients is not None and kept.prototypes is not None:
        probabilities = masks.from_prototypes(kept.coefficients, kept.prototypes)
    if probabilities is None:
        return None
    in_boxes, cut = kept.box_masks is not None, kept.masks is None
    return masks.Masks(probabilities, boxes, geometry, card.height, card.width, in_boxes, cut)
