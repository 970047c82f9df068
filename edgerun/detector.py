"""The path of a frame, top to bottom, and all that is settled once before the first one."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, cast, get_args, overload

import numpy as np

from edgerun import delegates
from edgerun.card import DEFAULT_CONF, DEFAULT_IOU, FIELDS, ModelCard, Nms, checked
from edgerun.contract import (
    Arrays,
    Coverage,
    Frame,
    Profiles,
    Session,
)
from edgerun.contract.candidates import Candidates
from edgerun.detections import Detections
from edgerun.dialects.readers import label_files
from edgerun.errors import (
    CardInvalid,
    EdgerunError,
    InputError,
    ModelError,
    translated,
)
from edgerun.interpretation.interpret import Interpretation, interpret, plan
from edgerun.media import images
from edgerun.media.synthetic import picture as probe_picture
from edgerun.processing import masks, model_inputs, nms, quantization
from edgerun.processing.model_inputs import ImageInput
from edgerun.processing.preprocess import Geometry
from edgerun.report import Report, Threshold
from edgerun.runtime import cpu_cores as threads
from edgerun.runtime import delegate_choice
from edgerun.runtime.opening import Opened, open_model
from edgerun.runtime.registry import Registry
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["Detector", "Opened", "open_model"]

LARGEST_BATCH = 8
"""Pictures at a time where the model takes any number; more gains nothing and costs memory."""

LOAD = threads.Load()
"""What the detectors of this process ask for at the same time."""

ALIASES = {
    "confidence": "conf",
    "score_threshold": "conf",
    "confidence_threshold": "conf",
    "iou_threshold": "iou",
    "nms_threshold": "iou",
    "max_detections": "max_det",
    "max_results": "max_det",
    "names": "labels",
}
"""Other tools' names of the same things."""


class Detector:
    """A loaded model: call it with a picture.

    Thread-safe: calls from several threads take turns. Use it in a `with` block or call `close` to give the
    runtime's memory back.

    Attributes:
        card: how the model is fed and read, with the source of each field.
        path: of the model, as it was given.
        opened: the model on its runtime.
    """

    def __init__(
        self,
        *,
        opened: Opened,
        reading: Interpretation,
        max_det: int,
        classes: Iterable[int | str] | None,
    ) -> None:
        """Detectors are made by `Detector.load`."""
        card, image = reading.card, reading.image
        self.card = card
        self.opened = opened
        self.path = opened.path
        self._backend, self._session = opened.backend, opened.session
        self._choice, self._image, self._outputs = reading.choice, image, reading.outputs
        self._decode_outputs = reading.choice.decode
        self._max_det = _row_limit(max_det)
        self._classes = self._class_ids(classes)
        self._plan = plan(card, image)
        self._auxiliary = model_inputs.auxiliary(opened.session.inputs, image, card, opened.path.name)
        self._batch = _batch_size(opened, image, reading.choice.decoder.batched)
        self._input = self._plan.new_input(self._batch)
        self._borders: list[tuple[int, ...] | None] = [None] * self._batch
        self._profiled: Coverage | None = None
        self._lock = threading.Lock()
        self._closed = False

    # ------------------------------------------------------------------------------------------- each frame

    @overload
    def __call__(self, image: list[Any] | tuple[Any, ...], **options: Any) -> list[Detections]: ...
    @overload
    def __call__(self, image: Any, **options: Any) -> Detections: ...
    def __call__(
        self,
        image: Any,
        *,
        conf: float | None = None,
        iou: float | None = None,
        max_det: int | None = None,
        classes: Iterable[int | str] | None = None,
        nms: str | None = None,
        color: images.ArrayColor = "bgr",
        **aliases: Any,
    ) -> Detections | list[Detections]:
        """Find what is in a picture.

        Args:
            image: a path, the bytes of a file, an array (uint8 or float 0..1; [H, W], [H, W, 3] or [H, W, 4]),
                a PIL image, or a list or tuple of those.
            conf: scores below it are left out. None: the argument of `load`, else the card's, else 0.25.
            iou: of two boxes that share more than this, the better stays. None likewise, else 0.7.
            max_det: at most so many rows.
            classes: only these, by name or number.
            nms: "class", "agnostic", "soft", "oks" (of poses) or "none". None: the card's.
            color: the order of an array's channels: "bgr" (OpenCV's) or "rgb".
            aliases: score_threshold, confidence, iou_threshold, max_detections …, as other tools call them.

        Returns:
            Detections, or a list of them for a list of pictures.

        Raises:
            InputError: the picture or an argument cannot be used.
        """
        options = {"conf": conf, "iou": iou, "max_det": max_det}
        _take_aliases(options, aliases)
        given_conf, given_iou, given_max_det = options["conf"], options["iou"], options["max_det"]
        threshold = self.conf if given_conf is None else _share("conf", given_conf)
        overlap = self.iou if given_iou is None else _share("iou", given_iou)
        limit = self._max_det if given_max_det is None else _row_limit(given_max_det)
        wanted = self._classes if classes is None else self._class_ids(classes)
        mode = self._nms_mode(nms)
        finish = partial(self._finish, conf=threshold, iou=overlap, max_det=limit, classes=wanted, mode=mode)
        if not isinstance(image, (list, tuple)):
            return self._detect([image], color, threshold, overlap, finish)[0]
        found: list[Detections] = []
        for start in range(0, len(image), self._batch):
            found += self._detect(image[start : start + self._batch], color, threshold, overlap, finish)
        return found

    def _detect(
        self, pictures: Sequence[Any], color: images.ArrayColor, conf: float, iou: float, finish: Any
    ) -> list[Detections]:
        """One run of the model: pictures in, detections out."""
        with self._lock:
            if self._closed:
                raise EdgerunError(f"The detector of {self.path.name} is closed.", hint="load it again")
            started = time.perf_counter()
            geometries = [self._place(slot, images.as_bgr(picture, color)) for slot, picture in enumerate(pictures)]
            placed = time.perf_counter()
            raw = self._run(len(pictures), conf, iou)
            ran = time.perf_counter()
            outputs = quantization.restore(raw, self._session.outputs)
            candidates = [self._decode(outputs, slot, conf) for slot in range(len(pictures))]
        results = [finish(rows, geometry) for rows, geometry in zip(candidates, geometries, strict=True)]
        done = time.perf_counter()
        share = 1000 / len(pictures)
        speed = {"preprocess": placed - started, "inference": ran - placed, "postprocess": done - ran}
        speed = {stage: seconds * share for stage, seconds in speed.items()}
        paths = [str(picture) if isinstance(picture, (str, Path)) else "" for picture in pictures]
        return [
            replace(result, speed=MappingProxyType(speed), path=path)
            for result, path in zip(results, paths, strict=True)
        ]

    def _place(self, slot: int, picture: images.Image) -> Geometry:
        """Write a picture into its slot of the input; the border is written only where the shape has changed."""
        geometry = self._plan.apply(picture, self._input[slot], border=self._borders[slot] != picture.shape)
        self._borders[slot] = picture.shape
        return geometry

    def _run(self, count: int, conf: float, iou: float) -> Arrays:
        """The session's outputs for the first so many slots (all of them where the model's batch is fixed)."""
        batch = self._input if self._image.batch else self._input[:count]
        if self._image.batch == 0:
            batch = self._input[0]
        with translated(ModelError, f"{self._backend.name} failed to run {self.path.name}"):
            limits = model_inputs.thresholds(self._session.inputs, conf, iou)
            with LOAD.running(self.opened.threads):
                return self._session.run({self._image.spec.name: batch, **self._auxiliary, **limits})

    def _decode(self, outputs: Arrays, slot: int, conf: float) -> Candidates:
        """Candidates of one picture, in model pixels."""
        card = self.card
        if self._choice.decoder.batched and self._batch > 1:
            outputs = {name: array[slot : slot + 1] for name, array in outputs.items()}
        candidates = self._decode_outputs(outputs, Frame(card.height, card.width, conf, card, slot))
        return _in_pixels(candidates, card) if card.box_units == "unit" else candidates

    def _finish(
        self,
        candidates: Candidates,
        geometry: Geometry,
        *,
        conf: float,
        iou: float,
        max_det: int,
        classes: AnyArray | None,
        mode: Nms,
    ) -> Detections:
        """Candidates in model pixels to detections in image pixels."""
        good: AnyArray = candidates.scores >= conf
        if classes is not None:
            good &= np.isin(candidates.classes, classes)
        finite = np.asarray(np.isfinite(candidates.boxes).all(axis=1) & np.isfinite(candidates.scores))
        if not finite[good].all():
            warnings.warn(f"{self.path.name} gave boxes that are not numbers; they are left out", stacklevel=4)
            good &= finite
        if not good.all():
            candidates = candidates.take(good)
        kept = _suppressed(candidates, conf, iou, max_det, mode)
        return _in_image(kept, geometry, self.card)

    # ----------------------------------------------------------------------------------------- load, once

    @classmethod
    def load(
        cls,
        model: str | Path | Opened,
        *,
        delegate: delegates.Wishes = None,
        strict: bool = False,
        threads: int | None = None,
        warm_up: bool = False,
        conf: float | None = None,
        iou: float | None = None,
        max_det: int = 300,
        classes: Iterable[int | str] | None = None,
        labels: str | Path | Sequence[str] | Mapping[int, str] | None = None,
        decoder: str | None = None,
        task: str | None = None,
        imgsz: int | tuple[int, int] | None = None,
        resize: str | None = None,
        fill: int | tuple[int, ...] | None = None,
        color: str | None = None,
        scale: float | None = None,
        mean: float | tuple[float, ...] | None = None,
        std: float | tuple[float, ...] | None = None,
        box_units: str | None = None,
        suppressed: bool | None = None,
        nms: str | None = None,
        keypoints: int | None = None,
        keypoint_dims: int | None = None,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, str] | None = None,
        backend: str | None = None,
        registry: Registry | None = None,
        **aliases: Any,
    ) -> Detector:
        """Open a model of any format and settle how it is fed and read.

        Every argument that is not given is taken from the sidecar, the file's metadata, inference from names,
        shapes and values, or a family's convention; `report()` and `edgerun inspect` show which.

        Args:
            model: path of a model, also of a Luxonis NN Archive, or the name of one that comes with edgerun ("codes");
                or one that is opened already, with its delegate, threads, backend and registry, and that stays open in
                case of an error.
            delegate: None for the runtime's best; "auto" for what `edgerun tune` found to be the fastest here, else
                the runtime's best, and the report says which; a name, which then is in force or an error; or a list
                of which the first that can be in force is taken, and the report says why earlier ones are not.
                With options as text, "openvino:device=GPU,precision=FP32", or as
                `edgerun.delegates.Wish("openvino", {"device": "GPU"})`; a path is a delegate's library.
            strict: whether a node of the model outside the delegate is an error, which lists the operators. The
                runtime is not given another delegate then, CPU included.
            threads: for the runtime; None for as many as the process has cores, or, with "auto", as were tuned.
            warm_up: whether the model is run once before the first picture, see `warm_up`.
            conf, iou, max_det, classes: used where a call does not give its own.
            labels: names, a table, a path of a label file, "coco" or "coco91".
            decoder: the way to read the outputs.
            task, resize, fill, color, scale, mean, std, box_units, suppressed, nms, keypoints, keypoint_dims,
            inputs, outputs: fields of the card, see `edgerun.card.ModelCard`.
            imgsz: height and width of the input, or both at once, for models that take any size.
            backend: name of the runtime, where several run the format.
            registry: who is in the house; None for everybody who is installed.
            aliases: other tools' names: score_threshold, confidence, iou_threshold, names …

        Raises:
            EdgerunError: see `edgerun.errors`; the message is one sentence, the hint the next step.
        """
        settings: dict[str, Any] = {"conf": conf, "iou": iou, "labels": labels, "max_det": None}
        _take_aliases(settings, aliases)
        max_det = max_det if settings["max_det"] is None else settings["max_det"]
        said: dict[str, Any] = {
            "conf": settings["conf"], "iou": settings["iou"], "decoder": decoder, "task": task, "resize": resize,
            "fill": fill, "color": color, "scale": scale, "mean": mean, "std": std, "box_units": box_units,
            "suppressed": suppressed, "nms": nms, "keypoints": keypoints, "keypoint_dims": keypoint_dims,
            "inputs": inputs, "outputs": outputs,
        }  # fmt: skip
        if settings["labels"] is not None:
            said["labels"] = label_files.read(settings["labels"])
        if imgsz is not None:
            said["height"], said["width"] = (imgsz, imgsz) if isinstance(imgsz, int) else imgsz
        arguments = {name: value for name, value in said.items() if value is not None}
        if isinstance(model, Opened):
            return cls(opened=model, reading=interpret(model, arguments), max_det=max_det, classes=classes)
        opened = open_model(
            model, delegate=delegate, strict=strict, threads=threads, backend=backend, registry=registry
        )
        try:
            detector = cls(opened=opened, reading=interpret(opened, arguments), max_det=max_det, classes=classes)
            if strict and delegate_choice.coverage(opened.session, opened.backend.name).evidence == "none":
                found = detector.profile(probe_picture("blank", detector.card.height, detector.card.width))
                delegate_choice.demand(found, opened.session.delegate, detector.path.name)
            if warm_up:
                detector.warm_up()
            return detector
        except BaseException:
            opened.close()
            raise

    # ------------------------------------------------------------------------------------------- the rest

    @property
    def conf(self) -> float:
        """The score threshold in force where a call gives none."""
        return DEFAULT_CONF if self.card.conf is None else self.card.conf

    @property
    def iou(self) -> float:
        """The IoU threshold in force where a call gives none."""
        return DEFAULT_IOU if self.card.iou is None else self.card.iou

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in order; () where nobody said."""
        return self.card.labels

    @property
    def batch(self) -> int:
        """Pictures that one run of the model takes at most; the file's own number where it is fixed."""
        return self._batch

    @property
    def session(self) -> Session:
        """The opened model, for those who want to run it bare."""
        return self._session

    def feed(self, image: Any, color: images.ArrayColor = "bgr") -> Arrays:
        """What the session is fed for a picture; arrays of the caller's own."""
        buffer = self._plan.new_input(max(1, self._image.batch or 1))
        for slot in buffer:
            self._plan.apply(images.as_bgr(image, color), slot)
        picture = {self._image.spec.name: buffer[0] if self._image.batch == 0 else buffer}
        return picture | self._auxiliary | model_inputs.thresholds(self._session.inputs, self.conf, self.iou)

    def report(self) -> Report:
        """Everything that was decided, with reasons."""
        health = self._backend.health()
        warned = (*health.warnings, *filter(None, [LOAD.warning(threads.available())]))
        unclaimed = None if self.card.labels else label_files.beside(self.path)
        if unclaimed is not None:
            warned += (
                f'nothing says that {unclaimed.name} belongs to this model; if it does, pass labels="{unclaimed}"',
            )
        return Report(
            model=str(self.path),
            format=self.opened.format,
            backend=self._backend.name,
            version=health.version,
            delegate=self._session.delegate,
            delegate_options=self.opened.asked.options,
            delegate_reason=self.opened.asked.reason,
            strict=self.opened.asked.strict,
            threads=self.opened.threads,
            inputs=tuple(self._session.inputs),
            outputs=tuple(self._outputs),
            card=self.card,
            decoder=self._choice.decoder.name,
            why=self._choice.match.why,
            others=tuple(self._choice.others),
            conf=Threshold(self.conf, "default" if self.card.conf is None else self.card.source("conf")),
            iou=Threshold(self.iou, "default" if self.card.iou is None else self.card.source("iou")),
            max_det=self._max_det,
            coverage=self._profiled or delegate_choice.coverage(self._session, self._backend.name),
            opening=self.opened.opening,
            warnings=warned,
        )

    def warm_up(self) -> None:
        """Run the model once on made-up pictures: some runtimes compile, allocate and settle in their first run."""
        shown = np.array(probe_picture("textured", self.card.height, self.card.width))
        self([shown] * self._batch)

    def profile(self, image: Any, color: images.ArrayColor = "bgr") -> Coverage:
        """Which nodes ran where and how long, measured on a picture where the runtime can; `report` shows it too.

        Costs some runs, and often a second opening of the model.
        """
        feeds = self.feed(image, color)
        with self._lock, translated(ModelError, f"{self._backend.name} failed to profile {self.path.name}"):
            if self._closed:
                raise EdgerunError(f"The detector of {self.path.name} is closed.", hint="load it again")
            if isinstance(self._session, Profiles):
                seen = self._session.profile(feeds)
            else:
                self._session.run(feeds)  # some runtimes tell only after the first run
                seen = delegate_choice.coverage(self._session, self._backend.name)
                seen = replace(seen, source=f"{seen.source}; {self._backend.name} offers no profile")
            self._profiled = seen
            return seen

    def close(self) -> None:
        """Give the runtime's memory back; a second call does nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self.opened.close()

    def __enter__(self) -> Detector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Detector {self.path.name} on {self._backend.name}, delegate {self._session.delegate}>"

    def _nms_mode(self, wish: str | None) -> Nms:
        if wish is None:
            return "none" if self.card.suppressed else self.card.nms
        if wish not in get_args(Nms):
            raise InputError(f"nms = {wish!r} is not known.", hint="use " + ", ".join(get_args(Nms)))
        return cast("Nms", wish)

    def _class_ids(self, classes: Iterable[int | str] | None) -> AnyArray | None:
        """Numbers of the classes that are wanted; None for all."""
        if classes is None:
            return None
        if isinstance(classes, (str, int)):
            classes = [classes]
        numbers = []
        for entry in classes:
            if isinstance(entry, str) and not entry.isdigit():
                if entry not in self.card.labels:
                    near = get_close_matches(entry, self.card.labels, 1)
                    known = ", ".join(self.card.labels[:100]) or "only numbers: the model has no labels"
                    hint = f"did you mean {near[0]}? it knows {known}" if near else f"it knows {known}"
                    raise InputError(f"{self.path.name} has no class {entry!r}.", hint=hint)
                entry = self.card.labels.index(entry)
            number = int(entry)
            if number < 0 or (self.card.labels and number >= len(self.card.labels)):
                raise InputError(
                    f"{self.path.name} has no class number {number}.", hint=f"it has {len(self.card.labels)}, from 0"
                )
            numbers.append(number)
        return np.array(numbers, np.int32)


# --------------------------------------------------------------------------------------- steps of a frame


def _batch_size(opened: Opened, image: ImageInput, batched: bool) -> int:
    """Pictures at a time: the file's own number, or several where input and outputs leave it open."""
    if image.batch is not None:
        return max(1, image.batch)
    session = opened.session
    follow = len(session.outputs) > 0 and all(spec.shape[:1] == (None,) for spec in session.outputs)
    return (opened.batch or LARGEST_BATCH) if len(session.inputs) == 1 and (follow or not batched) else 1


def _in_pixels(candidates: Candidates, card: ModelCard) -> Candidates:
    """Everything that is in 0..1 of the input, in model pixels."""
    size = np.array([card.width, card.height], np.float32)
    changed: dict[str, Any] = {"boxes": candidates.boxes * np.tile(size, 2)}
    if candidates.keypoints is not None:
        changed["keypoints"] = candidates.keypoints * np.append(size, np.float32(1))
    if candidates.rotated is not None:
        changed["rotated"] = candidates.rotated * np.array([*size, *size, 1], np.float32)
    return replace(candidates, **changed)


def _suppressed(candidates: Candidates, conf: float, iou: float, max_det: int, mode: Nms) -> Candidates:
    """The candidates that stay, best first; oriented boxes by their true overlap."""
    scores, classes = candidates.scores, candidates.classes
    if mode == "soft":
        rows, softened = nms.soften(candidates.boxes, scores, classes, conf=conf, max_det=max_det)
        return replace(candidates.take(rows), scores=softened)
    if mode == "oks":
        if candidates.keypoints is None:
            raise InputError('nms = "oks" compares keypoints, and this model gives none.', hint='pass nms="class"')
        rows = nms.suppress_poses(candidates.keypoints, candidates.boxes, scores, classes, iou=iou, max_det=max_det)
    elif candidates.rotated is not None:
        rows = nms.suppress_rotated(candidates.rotated, scores, classes, iou=iou, max_det=max_det, mode=mode)
    else:
        rows = nms.suppress(candidates.boxes, scores, classes, iou=iou, max_det=max_det, mode=mode)
    return candidates.take(rows)


def _in_image(kept: Candidates, geometry: Geometry, card: ModelCard) -> Detections:
    """Model pixels to image pixels, with the optional columns."""
    boxes = geometry.to_image(kept.boxes)
    shares = kept.masks if kept.box_masks is None else kept.box_masks
    if kept.coefficients is not None and kept.prototypes is not None:
        shares = masks.from_prototypes(kept.coefficients, kept.prototypes)
    keypoints = kept.keypoints
    if keypoints is not None:
        points = geometry.points_to_image(keypoints[..., :2].reshape(-1, 2)).reshape(*keypoints.shape[:2], 2)
        keypoints = np.concatenate((points, keypoints[..., 2:]), axis=2)
    return Detections(
        xyxy=boxes,
        score=kept.scores,
        class_id=kept.classes,
        names=card.labels,
        shape=(geometry.image_height, geometry.image_width),
        keypoints=keypoints,
        rotated=None if kept.rotated is None else geometry.rotated_to_image(kept.rotated),
        masks=_masks(shares, boxes, geometry, card, kept),
    )


def _masks(
    shares: FloatArray | None, boxes: FloatArray, geometry: Geometry, card: ModelCard, kept: Candidates
) -> masks.Masks | None:
    """What a model gives for the whole input is whole; everything else ends at its box."""
    if shares is None:
        return None
    in_boxes, cut = kept.box_masks is not None, kept.masks is None
    return masks.Masks(shares, boxes, geometry, card.height, card.width, in_boxes, cut)


def _take_aliases(options: dict[str, Any], aliases: Mapping[str, Any]) -> None:
    for name, value in aliases.items():
        target = ALIASES.get(name)
        if target is None or target not in options:
            raise InputError(f"There is no argument {name}.", hint="the fields of a card are " + ", ".join(FIELDS))
        if options[target] is not None:
            raise InputError(f"{name} and {target} are the same argument, and both are given.", hint=f"pass {target}")
        options[target] = value


def _share(name: str, value: Any) -> float:
    try:
        return float(checked(name, value, "argument"))
    except CardInvalid as cause:
        raise InputError(
            f"{name} = {value!r} cannot be: it must lie in 0..1.", hint=f"pass {name}=0.25, say"
        ) from cause


def _row_limit(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"max_det = {value!r} cannot be.", hint="pass a whole number from 1")
    return value
