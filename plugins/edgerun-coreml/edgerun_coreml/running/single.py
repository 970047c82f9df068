"""One program or network as a stage: translated, and opened in a session of ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.feature_types import ArrayType, DictionaryType, ImageType, Interface, ScalarType
from edgerun_coreml.onnx.translation import Port, Translation
from edgerun_coreml.running import shapes
from edgerun_coreml.running.classifier import Labels, classified
from edgerun_coreml.running.session import open_session
from edgerun_coreml.running.states import State

if TYPE_CHECKING:
    import onnxruntime as ort

Array = npt.NDArray[Any]


class Network:
    """A translated program or network in a session of ONNX Runtime."""

    def __init__(self, translation: Translation, interface: Interface, threads: int | None) -> None:
        self.interface = interface
        self._inputs, self._outputs = translation.inputs, translation.outputs
        self._states, self._classifier = translation.states, translation.classifier
        self.labels: Labels = translation.classifier.labels if translation.classifier else ()
        self._dtypes = {value.name: value.dtype for value in translation.graph.inputs}
        fetched = [port.tensor for port in self._outputs] + [port.updated for port in self._states]
        if self._classifier is not None:
            fetched.append(self._classifier.tensor)
        self._fetched = fetched
        _complete(interface, {port.name for port in self._inputs}, {port.name for port in self._outputs})
        self._session: ort.InferenceSession | None = _opened(translation, threads)

    def sessions(self) -> list[ort.InferenceSession]:
        """The one session."""
        return [] if self._session is None else [self._session]

    def buffers(self) -> tuple[dict[str, Array], dict[str, str]]:
        """One for each state of the program."""
        arrays = {port.name: np.zeros(port.shape, self._dtypes[port.tensor]) for port in self._states}
        return arrays, {port.name: port.kind for port in self._states}

    def run(self, feeds: Mapping[str, Any], state: State | None) -> dict[str, Any]:
        """Compute; the state, if there is one, is what the program left in it afterwards."""
        session = self._session
        if session is None:
            raise RuntimeError("the model is closed")
        given = {port.tensor: self._fitted(feeds[port.name], port) for port in self._inputs}
        for kept in self._states:
            if state is None:
                raise RuntimeError(f"the model has a state '{kept.name}': pass state=model.make_state()")
            given[kept.tensor] = state.buffer(kept.name)
        try:
            values = dict(zip(self._fetched, session.run(self._fetched, given), strict=True))
        except Exception as cause:  # ONNX Runtime's errors have no common base
            raise RuntimeError(f"the model failed: {str(cause).splitlines()[0][:300]}") from cause
        if state is not None:
            state.update({port.name: values[port.updated] for port in self._states})
        results: dict[str, Any] = {port.name: values[port.tensor] for port in self._outputs}
        if self._classifier is not None:
            results |= self._classified(values[self._classifier.tensor])
        return results

    def _fitted(self, value: Any, port: Port) -> Array:
        """The array in the graph's type and rank: the file's description may leave axes of size 1 out."""
        array = np.asarray(value)
        shape = port.shape
        if shape is not None and array.ndim != len(shape):
            wanted = shapes.with_axes(array.shape, shape)
            if wanted is None:
                raise RuntimeError(f"input '{port.name}' has the shape {array.shape}, not {shape}")
            array = array.reshape(wanted)
        return np.ascontiguousarray(array, self._dtypes[port.tensor])

    def _classified(self, probabilities: Array) -> dict[str, Any]:
        label, table = classified(probabilities, self.labels)
        results: dict[str, Any] = {}
        for feature in self.interface.outputs:
            if isinstance(feature.type, ScalarType):
                results[feature.name] = label
            elif isinstance(feature.type, DictionaryType):
                results[feature.name] = table
        return results

    def close(self) -> None:
        """Let go of the session."""
        self._session = None


def _opened(translation: Translation, threads: int | None) -> ort.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    try:
        return open_session(translation.graph, threads=threads, options=options)
    except Exception as cause:  # ONNX Runtime's errors have no common base
        text = str(cause).splitlines()[0][:300] if str(cause) else type(cause).__name__
        raise ModelDamaged(f"ONNX Runtime refuses the translated model: {text}") from cause


def _complete(interface: Interface, inputs: set[str], outputs: set[str]) -> None:
    """See that what the description promises is there. Raises :class:`ModelDamaged`."""
    for name in sorted(inputs - {feature.name for feature in interface.inputs}):
        raise ModelDamaged(f"the network takes '{name}', which the description does not list")
    for feature in interface.outputs:
        if feature.name not in outputs and isinstance(feature.type, (ArrayType, ImageType)):
            raise ModelDamaged(f"the description lists an output '{feature.name}', which the network does not give")
