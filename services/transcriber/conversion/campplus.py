"""CAM++, the network that hears whose voice it is (3D-Speaker, Apache-2.0): features of up to two seconds to an embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from services.transcriber.conversion.checkpoint import Weights
from services.transcriber.conversion.onnxfile import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FEATURES = 80
EMBEDDING = 192
_EPSILON = np.float32(1e-5)
_BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Layers, and dilation, of the three dense blocks."""
_KERNEL = 3
_CHANNELS_AFTER_HEAD = 320


def build(weights: Weights) -> bytes:
    """The network as an ONNX file; valid for at most 200 frames, for which its context is a single mean."""
    return _CamPlus(weights).build()


class _CamPlus:
    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._graph = Graph("campplus")

    def build(self) -> bytes:
        graph = self._graph
        x = self._head(graph.input("features", "batch", "frames", FEATURES))
        x = self._folded(x, "xvector.tdnn.linear", "xvector.tdnn.nonlinear.batchnorm", strides=[2], pads=[2, 2])
        for block, (layers, dilation) in enumerate(_BLOCKS, start=1):
            for layer in range(1, layers + 1):
                x = self._dense_layer(x, f"xvector.block{block}.tdnnd{layer}", dilation)
            x = self._normalised(x, f"xvector.transit{block}.nonlinear.batchnorm")
            x = graph.add("Conv", x, self._weight(f"xvector.transit{block}.linear.weight"))
        x = self._statistics(self._normalised(x, "xvector.out_nonlinear.batchnorm"))
        return graph.encode(self._embedding(x), "batch", EMBEDDING)

    def _head(self, features: str) -> str:
        """Two-dimensional convolutions over time and frequency."""
        graph = self._graph
        x = graph.add("Unsqueeze", graph.add("Transpose", features, perm=[0, 2, 1]), graph.integers(1))
        x = self._folded(x, "head.conv1", "head.bn1", pads=[1] * 4)
        for layer in ("head.layer1", "head.layer2"):
            x = self._residual(self._residual(x, f"{layer}.0", 2), f"{layer}.1", 1)
        x = self._folded(x, "head.conv2", "head.bn2", strides=[2, 1], pads=[1] * 4)
        return graph.add("Reshape", x, graph.integers(0, _CHANNELS_AFTER_HEAD, -1))

    def _residual(self, x: str, name: str, stride: int) -> str:
        shortcut = x
        if f"{name}.shortcut.0.weight" in self._weights:
            shortcut = self._folded(x, f"{name}.shortcut.0", f"{name}.shortcut.1", relu=False, strides=[stride, 1])
        y = self._folded(x, f"{name}.conv1", f"{name}.bn1", strides=[stride, 1], pads=[1] * 4)
        y = self._folded(y, f"{name}.conv2", f"{name}.bn2", relu=False, pads=[1] * 4)
        return self._graph.add("Relu", self._graph.add("Add", y, shortcut))

    def _dense_layer(self, x: str, name: str, dilation: int) -> str:
        """A bottleneck, then a convolution whose result is weighed by what the whole window is like."""
        graph = self._graph
        y = self._normalised(x, f"{name}.nonlinear1.batchnorm")
        y = self._folded(y, f"{name}.linear1", f"{name}.nonlinear2.batchnorm")
        local = graph.add(
            "Conv",
            y,
            self._weight(f"{name}.cam_layer.linear_local.weight"),
            pads=[(_KERNEL - 1) // 2 * dilation] * 2,
            dilations=[dilation],
        )
        # The mean over the window plus the mean over a segment of it, which is the same up to 200 frames.
        context = graph.add("Mul", graph.add("ReduceMean", y, graph.integers(2), keepdims=1), graph.number(2))
        context = graph.add("Relu", self._convolved(context, f"{name}.cam_layer.linear1"))
        context = graph.add("Sigmoid", self._convolved(context, f"{name}.cam_layer.linear2"))
        return graph.add("Concat", x, graph.add("Mul", local, context), axis=1)

    def _statistics(self, x: str) -> str:
        """Mean and standard deviation over time."""
        graph = self._graph
        time = graph.integers(2)
        mean = graph.add("ReduceMean", x, time, keepdims=1)
        difference = graph.add("Sub", x, mean)
        frames = graph.add("Cast", graph.add("Gather", graph.add("Shape", x), graph.integers(2)), to=1)
        squares = graph.add("ReduceSum", graph.add("Mul", difference, difference), time, keepdims=0)
        variance = graph.add("Div", squares, graph.add("Sub", frames, graph.number(1)))
        return graph.add("Concat", graph.add("Squeeze", mean, time), graph.add("Sqrt", variance), axis=1)

    def _embedding(self, x: str) -> str:
        scale, shift = self._scale("xvector.dense.nonlinear.batchnorm")
        matrix = self._weights["xvector.dense.linear.weight"][:, :, 0] * scale[:, None]
        return self._graph.add("Gemm", x, self._graph.weight(matrix), self._graph.constant(shift), transB=1)

    def _convolved(self, x: str, name: str) -> str:
        return self._graph.add("Conv", x, self._weight(f"{name}.weight"), self._graph.constant(self._weights[f"{name}.bias"]))

    def _folded(self, x: str, layer: str, norm: str, *, relu: bool = True, **attributes: list[int]) -> str:
        """A convolution and the normalisation after it, as one."""
        scale, shift = self._scale(norm)
        weight = self._weights[f"{layer}.weight"]
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
        y = self._graph.add("Conv", x, self._graph.weight(weight), self._graph.constant(shift), **attributes)
        return self._graph.add("Relu", y) if relu else y

    def _normalised(self, x: str, norm: str) -> str:
        scale, shift = (self._graph.constant(values.reshape(1, -1, 1)) for values in self._scale(norm))
        return self._graph.add("Relu", self._graph.add("Add", self._graph.add("Mul", x, scale), shift))

    def _scale(self, norm: str) -> tuple[Floats, Floats]:
        """What a batch normalisation does to a trained network's numbers: multiply and add."""
        mean, variance = self._weights[f"{norm}.running_mean"], self._weights[f"{norm}.running_var"]
        ones = np.ones_like(mean)
        scale = self._weights.get(f"{norm}.weight", ones) / np.sqrt(variance + _EPSILON)
        return scale, self._weights.get(f"{norm}.bias", np.zeros_like(mean)) - mean * scale

    def _weight(self, name: str) -> str:
        return self._graph.weight(self._weights[name])
