"""Trained weights are read without running anything, and networks written as files that the run time takes."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
from typing_extensions import override

from services.transcriber.conversion.checkpoint import read_weights
from services.transcriber.conversion.onnxfile import Graph


class _Storage:
    """Stands in the file for numbers that lie beside it."""


class _Tensor:
    def __init__(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self._place = (0, shape, strides)

    @override
    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_tensor_v2, (_Storage(), *self._place)


def _rebuild_tensor_v2(*_: object) -> None:
    raise AssertionError("the file's own functions must not be called")


class _Trap:
    @override
    def __reduce__(self) -> tuple[object, ...]:
        return _spring, ("sprung",)


def _spring(text: str) -> None:
    raise AssertionError(text)


class _Pickler(pickle.Pickler):
    @override
    def persistent_id(self, obj: object) -> object:
        return ("storage", "FloatStorage", "0", "cpu", 6) if isinstance(obj, _Storage) else None


def _checkpoint(path: Path, content: object, numbers: list[float]) -> Path:
    pickled = io.BytesIO()
    _Pickler(pickled, protocol=2).dump(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled.getvalue())
        archive.writestr("archive/data/0", np.array(numbers, dtype="<f4").tobytes())
    return path


def test_tensors_are_read_with_their_shape(tmp_path: Path) -> None:
    """Rows and columns as the file says, here the other way round."""
    content = OrderedDict(weight=_Tensor((2, 3), (1, 2)))
    weights = read_weights(_checkpoint(tmp_path / "file.pt", content, [1, 2, 3, 4, 5, 6]))
    assert weights["weight"].tolist() == [[1, 3, 5], [2, 4, 6]]


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    """What else a training left in it becomes an empty shell."""
    content = {"state_dict": {"weight": _Tensor((1,), (1,))}, "hyper_parameters": _Trap()}
    assert list(read_weights(_checkpoint(tmp_path / "file.ckpt", content, [7] * 6))) == ["weight"]


def test_a_graph_computes_what_was_put_into_it() -> None:
    """The run time takes the file; large weights lose only what sixteen bits cannot hold."""
    graph = Graph("affine")
    matrix = np.array([[1.5, -2.0], [0.25, 3.0]], dtype=np.float32)
    product = graph.add("Gemm", graph.input("x", "batch", 2), graph.weight(matrix), graph.constant(np.ones(2, "<f4")), transB=1)
    model = graph.encode(graph.add("Reshape", product, graph.integers(-1, 1, 2)), "batch", 1, 2)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": np.array([[1, 2], [-4, 0]], dtype=np.float32)})
    assert result.tolist() == [[[-1.5, 7.25]], [[-5.0, 0.0]]]


@pytest.mark.parametrize("value", [0, 127, 128, 300, 2**40, -1])
def test_numbers_of_every_size_survive(value: int) -> None:
    """Short ones take one byte, long ones and negative ones up to ten."""
    graph = Graph("number")
    model = graph.encode(graph.add("Cast", graph.add("Identity", graph.integers(value)), to=1), 1)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert session.run(None, {})[0].tolist() == [float(value)]
