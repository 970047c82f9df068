"""A loaded model: how it is opened, the face that it shows, and how it is closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack

import numpy as np

from edgerun import arguments, delegates, frame
from edgerun.arguments import LoadArguments
from edgerun.calls import Calls
from edgerun.card import Task
from edgerun.contract import Arrays, Coverage, Profiles, Session
from edgerun.errors import ModelError, translated
from edgerun.frame import FramePath
from edgerun.interpretation.interpret import Interpretation, interpret
from edgerun.media import images
from edgerun.media.synthetic import picture as made_up_image
from edgerun.processing import model_inputs
from edgerun.report import Report
from edgerun.runtime import cpu_cores, delegate_choice
from edgerun.runtime.home_process import HomeProcess
from edgerun.runtime.in_memory import Content
from edgerun.runtime.opening import Opened, open_model
from edgerun.runtime.registry import Registry

__all__ = ["Detector", "Opened", "open_model"]


class Detector(Calls):
    """A loaded model: call it with an image.

    Thread-safe: calls from several threads take turns. Use it in a `with` block or call `close` to give the
    runtime's memory back.

    Attributes:
        card: how the model is fed and read, with the source of each field.
        path: of the model, as it was given.
        opened: the model on its runtime.
    """

    _frames: FramePath

    # ------------------------------------------------------------------------------------------ load, once

    @classmethod
    def load(
        cls,
        model: str | Path | Content | Opened,
        *,
        format: str | None = None,
        delegate: delegates.Wishes = None,
        strict: bool = False,
        threads: int | None = None,
        warm_up: bool = False,
        max_det: int = 300,
        classes: Iterable[int | str] | None = None,
        backend: str | None = None,
        registry: Registry | None = None,
        **card: Unpack[LoadArguments],
    ) -> Detector:
        """Open a model of any format and find out how it is fed and read.

        Every argument that is not given is taken from the sidecar, the file's metadata, inference from names,
        shapes and values, or a family's convention; `report()` and `edgerun inspect` show which. What the model gives
        for made-up images is kept in edgerun's cache folder, which the environment variable EDGERUN_CACHE names, and
        taken again as long as the file and all versions stay the same.

        Args:
            model: path of a model, also of a Luxonis NN Archive, or the name of one that comes with edgerun ("codes");
                or the bytes of one or an open file, which on Linux never touch a disk; or one that is opened already,
                with its delegate, threads, backend and registry, and that stays open in case of an error.
            format: of a model in memory, such as "onnx"; None tells it by the bytes.
            delegate: None for the runtime's best; "auto" for what `edgerun tune` found to be the fastest here, else
                the runtime's best, and the report says which; a name, which then is in force or an error; or a list
                of which the first that can be in force is taken, and the report says why earlier ones are not.
                With options as text, "openvino:device=GPU,precision=FP32", or as
                `edgerun.delegates.Wish("openvino", {"device": "GPU"})`; a path is a delegate's library.
            strict: whether a node of the model outside the delegate is an error, which lists the operators. The
                runtime is not given another delegate then, CPU included.
            threads: for the runtime; None for as many as the process has cores, or, with "auto", as were tuned.
            warm_up: whether the model is run once before the first image, see `warm_up`.
            max_det, classes: used where a call does not give its own.
            backend: name of the runtime, where several run the format.
            registry: plugins to use; None for all that are installed.
            card: fields of the card in place of what the file says, see `edgerun.card.CardArguments`: conf and iou,
                used where a call does not give its own; labels as names, a table, a path of a label file, "coco" or
                "coco91"; imgsz, height and width of the input, or both at once, for models that take any size;
                decoder, the way to read the outputs; task, resize, fill, color, scale, mean, std, box_units,
                suppressed, nms, keypoints, keypoint_dims, inputs, outputs. Also by other tools' names:
                score_threshold, confidence, iou_threshold, names …

        Raises:
            EdgerunError: see `edgerun.errors`; the message is one sentence, the hint the next step.
        """
        fields = arguments.card_arguments(card)
        max_det = fields.pop("max_det", max_det)
        if isinstance(model, Opened):
            return cls(opened=model, interpretation=interpret(model, fields), max_det=max_det, classes=classes)
        opened = open_model(
            model, format=format, delegate=delegate, strict=strict, threads=threads, backend=backend, registry=registry
        )
        try:
            detector = cls(opened=opened, interpretation=interpret(opened, fields), max_det=max_det, classes=classes)
            if strict:
                detector._refuse_nodes_elsewhere()
            if warm_up:
                detector.warm_up()
            return detector
        except BaseException:
            opened.close()
            raise

    def __init__(
        self, *, opened: Opened, interpretation: Interpretation, max_det: int, classes: Iterable[int | str] | None
    ) -> None:
        """Detectors are made by `Detector.load`."""
        self.card = interpretation.card
        self.path = opened.path
        self.opened = opened
        self._interpretation = interpretation
        self._usual = arguments.usual(self.card, opened.path.name, max_det, classes)
        self._frames = FramePath(opened, interpretation)
        self._home = HomeProcess(opened.path.name)
        self._profiled: Coverage | None = None

    def _refuse_nodes_elsewhere(self) -> None:
        """With `strict`, look again after a run where the runtime tells only then which node runs where."""
        if delegate_choice.coverage(self.session, self.opened.backend.name).evidence == "none":
            found = self.profile(made_up_image("blank", self.card.height, self.card.width))
            delegate_choice.demand(found, self.session.delegate, self.path.name)

    # ------------------------------------------------------------------------------------------- the rest

    @property
    def conf(self) -> float:
        """The score threshold in force where a call gives none."""
        return self._usual.conf

    @property
    def iou(self) -> float:
        """The IoU threshold in force where a call gives none."""
        return self._usual.iou

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in order; () where nothing says them."""
        return self.card.labels

    @property
    def names(self) -> tuple[str, ...]:
        """`labels` under the name that results and Ultralytics give them."""
        return self.card.labels

    @property
    def imgsz(self) -> tuple[int, int]:
        """Height and width of the model's input, as `load` takes them."""
        return self.card.height, self.card.width

    @property
    def task(self) -> Task:
        """What the rows mean: "detect", "pose", "segment", "obb" or "classify"."""
        return self.card.task

    @property
    def batch(self) -> int:
        """Images that one run of the model takes at most; the file's own number where it is fixed."""
        return self._frames.batch

    @property
    def session(self) -> Session:
        """The opened model, for those who want to run it bare."""
        return self._frames.session

    def feed(self, image: Any, color: images.ArrayColor = "bgr") -> Arrays:
        """What the session is fed for an image; arrays of the caller's own."""
        target = self._interpretation.image
        own = self._frames.feed.fresh(max(1, target.batch or 1))
        for slot in range(own.batch):
            own.place(slot, images.as_bgr(image, color))
        feeds = {target.spec.name: own.filled(own.batch)}
        return feeds | own.auxiliary | model_inputs.thresholds(self.session.inputs, self.conf, self.iou)

    def report(self) -> Report:
        """Everything that was decided, with reasons."""
        return Report.of(
            self.opened,
            self._interpretation,
            self._usual,
            coverage=self._profiled or delegate_choice.coverage(self.session, self.opened.backend.name),
            warning=frame.LOAD.warning(cpu_cores.available()),
        )

    def warm_up(self) -> None:
        """Run the model once on made-up images: some runtimes compile, allocate and settle in their first run."""
        shown = np.array(made_up_image("textured", self.card.height, self.card.width))
        self([shown] * self.batch)

    def profile(self, image: Any, color: images.ArrayColor = "bgr") -> Coverage:
        """Which nodes ran where and how long, measured on an image where the runtime can; `report` shows it too.

        Costs some runs, and often a second opening of the model.

        Raises:
            ModelError: the runtime failed.
        """
        feeds = self.feed(image, color)
        backend, session = self.opened.backend.name, self.session
        self._home.refuse_fork()
        with self._frames.lock, translated(ModelError, f"{backend} failed to profile {self.path.name}"):
            self._frames.refuse_closed()
            if isinstance(session, Profiles):
                measured = session.profile(feeds)
            else:
                session.run(feeds)  # some runtimes tell only after the first run
                told = delegate_choice.coverage(session, backend)
                measured = replace(told, source=f"{told.source}; {backend} offers no profile")
            self._profiled = measured
            return measured

    def close(self) -> None:
        """Give the runtime's memory back; a second call does nothing, nor does one in a process that was forked."""
        if self._home.is_left:
            return
        with self._frames.lock:
            if not self._frames.closed:
                self._frames.closed = True
                self.opened.close()

    def __enter__(self) -> Detector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Detector {self.path.name} on {self.opened.backend.name}, delegate {self.session.delegate}>"
