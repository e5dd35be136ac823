"""Writes networks as ONNX: a graph is built operation by operation and stored as the protobuf message the format defines.

We need a dozen kinds of nodes and no check but the run time's own, so the format's package is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

IR_VERSION = 9
OPERATOR_SET = 18
FLOAT, INT64, HALF = 1, 7, 10
_TYPES = {np.dtype("<f4"): FLOAT, np.dtype("<i8"): INT64, np.dtype("<f2"): HALF}

_VARINT, _LENGTH = 0, 2
_MORE, _SEVEN_BITS, _SIXTY_FOUR_BITS = 0x80, 7, (1 << 64) - 1

Attribute = int | str | Sequence[int]
Dimension = int | str


class Graph:
    """A network in the making. Values are known by name; every operation returns the name of its result."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._count = 0

    def input(self, name: str, *shape: Dimension) -> str:
        """A float32 input; dimensions that vary have names."""
        self._inputs.append(_value(name, shape))
        return name

    def constant(self, array: Array) -> str:
        """A small value that the network needs exactly as it is."""
        name = self._new()
        self._constants.append(_tensor(name, np.ascontiguousarray(array)))
        return name

    def weight(self, array: Array) -> str:
        """A large array, stored with 16 bits a number and computed with 32: half the size, the same answers."""
        return self.add("Cast", self.constant(array.astype("<f2")), to=FLOAT)

    def integers(self, *values: int) -> str:
        """Axes, shapes and the like."""
        return self.constant(np.array(values, dtype="<i8"))

    def number(self, value: float) -> str:
        """A scalar."""
        return self.constant(np.array(value, dtype="<f4"))

    def add(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """An operation with one result; an empty input is one left out."""
        name = self._new()
        self._nodes.append(_node(kind, inputs, name, attributes))
        return name

    def encode(self, output: str, *shape: Dimension) -> bytes:
        """The whole model, with one float32 output."""
        graph = b"".join(
            [
                *(_bytes(1, node) for node in self._nodes),
                _text(2, self._name),
                *(_bytes(5, constant) for constant in self._constants),
                *(_bytes(11, value) for value in self._inputs),
                _bytes(12, _value(output, shape)),
            ]
        )
        operators = _bytes(8, _text(1, "") + _integer(2, OPERATOR_SET))
        return _integer(1, IR_VERSION) + operators + _bytes(7, graph)

    def _new(self) -> str:
        self._count += 1
        return f"v{self._count}"


def _node(kind: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Attribute]) -> bytes:
    named = b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())
    return b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, kind) + named


def _attribute(name: str, value: Attribute) -> bytes:
    match value:
        case int():
            return _text(1, name) + _integer(3, value) + _integer(20, 2)
        case str():
            return _text(1, name) + _text(4, value) + _integer(20, 3)
        case _:
            return _text(1, name) + b"".join(_integer(8, one) for one in value) + _integer(20, 7)


def _tensor(name: str, array: Array) -> bytes:
    dimensions = b"".join(_integer(1, size) for size in array.shape)
    return dimensions + _integer(2, _TYPES[array.dtype]) + _text(8, name) + _bytes(9, array.tobytes())


def _value(name: str, shape: Sequence[Dimension]) -> bytes:
    dimensions = b"".join(_bytes(1, _text(2, size) if isinstance(size, str) else _integer(1, size)) for size in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _integer(1, FLOAT) + _bytes(2, dimensions)))


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value & _SIXTY_FOUR_BITS)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _LENGTH) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    return bytes(_sevens(value))


def _sevens(value: int) -> Iterator[int]:
    while value >= _MORE:
        yield value & (_MORE - 1) | _MORE
        value >>= _SEVEN_BITS
    yield value
