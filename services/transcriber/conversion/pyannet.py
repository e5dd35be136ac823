"""PyanNet, the network that hears who speaks when within ten seconds (pyannote segmentation-3.0, MIT)."""

from __future__ import annotations

from itertools import count, takewhile
from typing import TYPE_CHECKING

import numpy as np

from services.transcriber.conversion.checkpoint import Weights
from services.transcriber.conversion.onnxfile import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SAMPLE_RATE = 16_000
CLASSES = 7
_STRIDE = 10
_HIDDEN = 128
_LOWEST_HZ = 50.0
_NARROWEST_HZ = 50.0


def build(weights: Weights) -> bytes:
    """The network as an ONNX file: samples between -1 and 1 to the logarithms of the classes' probabilities."""
    graph = Graph("pyannet")
    x = graph.add("Unsqueeze", graph.input("samples", "batch", "samples_count"), graph.integers(1))
    x = _normalised(graph, x, weights, "sincnet.wav_norm1d")
    x = graph.add("Abs", graph.add("Conv", x, graph.constant(_sinc_filters(weights)), strides=[_STRIDE]))
    x = _pooled(graph, x, weights, 0)
    for layer in (1, 2):
        weight, bias = weights[f"sincnet.conv1d.{layer}.weight"], weights[f"sincnet.conv1d.{layer}.bias"]
        x = _pooled(graph, graph.add("Conv", x, graph.weight(weight), graph.constant(bias)), weights, layer)
    x = graph.add("Transpose", x, perm=[2, 0, 1])
    for layer in takewhile(lambda layer: f"lstm.weight_ih_l{layer}" in weights, count()):
        x = _recurrent(graph, x, weights, layer)
    x = graph.add("Transpose", x, perm=[1, 0, 2])
    for name in ("linear.0", "linear.1"):
        x = graph.add("LeakyRelu", _linear(graph, x, weights, name))
    return graph.encode(graph.add("LogSoftmax", _linear(graph, x, weights, "classifier"), axis=-1), "batch", "frames", CLASSES)


def _pooled(graph: Graph, x: str, weights: Weights, layer: int) -> str:
    x = graph.add("MaxPool", x, kernel_shape=[3], strides=[3])
    return graph.add("LeakyRelu", _normalised(graph, x, weights, f"sincnet.norm1d.{layer}"))


def _normalised(graph: Graph, x: str, weights: Weights, name: str) -> str:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return graph.add("InstanceNormalization", x, graph.constant(weight), graph.constant(bias))


def _recurrent(graph: Graph, x: str, weights: Weights, layer: int) -> str:
    """One bidirectional LSTM layer over (frames, batch, features)."""

    def both(part: str) -> list[Floats]:
        return [_gates(weights[f"lstm.{part}_l{layer}{direction}"]) for direction in ("", "_reverse")]

    biases = np.concatenate([np.stack(both("bias_ih")), np.stack(both("bias_hh"))], axis=1)
    y = graph.add(
        "LSTM",
        x,
        graph.weight(np.stack(both("weight_ih"))),
        graph.weight(np.stack(both("weight_hh"))),
        graph.constant(biases),
        direction="bidirectional",
        hidden_size=_HIDDEN,
    )
    return graph.add("Reshape", graph.add("Transpose", y, perm=[0, 2, 1, 3]), graph.integers(0, 0, 2 * _HIDDEN))


def _gates(array: Floats) -> Floats:
    """PyTorch keeps an LSTM's gates as input, forget, cell, output; ONNX as input, output, forget, cell."""
    i, f, c, o = np.split(array, 4)
    return np.concatenate([i, o, f, c])


def _linear(graph: Graph, x: str, weights: Weights, name: str) -> str:
    product = graph.add("MatMul", x, graph.weight(np.ascontiguousarray(weights[f"{name}.weight"].T)))
    return graph.add("Add", product, graph.constant(weights[f"{name}.bias"]))


def _sinc_filters(weights: Weights) -> Floats:
    """The band-pass filters, even and odd, that the network has learnt by their lower edges and widths alone."""

    def exact(name: str) -> NDArray[np.float64]:
        return weights[f"sincnet.conv1d.0.filterbank.{name}"].astype(np.float64)

    low = _LOWEST_HZ + np.abs(exact("low_hz_"))
    high = np.clip(low + _NARROWEST_HZ + np.abs(exact("band_hz_")), _LOWEST_HZ, SAMPLE_RATE / 2)
    times, window, band = exact("n_"), exact("window_"), high - low
    even = (np.sin(high @ times) - np.sin(low @ times)) / (times / 2) * window
    odd = (np.cos(low @ times) - np.cos(high @ times)) / (times / 2) * window
    filters = np.concatenate(
        [
            np.concatenate([even, 2 * band, even[:, ::-1]], axis=1),
            np.concatenate([odd, np.zeros_like(band), -odd[:, ::-1]], axis=1),
        ]
    )
    # Sixteen bits also hide the last bits in which processors' sines differ: the file is the same everywhere.
    scaled = (filters / (2 * np.concatenate([band, band])))[:, None, :]
    return np.asarray(scaled, dtype="<f2").astype("<f4")
