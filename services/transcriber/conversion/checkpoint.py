"""Reads the weights in a PyTorch file without PyTorch, and without running anything the file might ask for."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

if TYPE_CHECKING:
    from numpy.typing import NDArray

Weights = dict[str, "NDArray[np.float32]"]

_PICKLE = "/data.pkl"
_STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Unknown:
    """Stands for whatever else the file mentions: versions, settings of a training long past."""

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _Unpickler(pickle.Unpickler):
    """Knows tensors and ordered dictionaries; every other class becomes an empty shell."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive = archive
        self._root = name.removesuffix(_PICKLE)
        super().__init__(archive.open(name))

    @override
    def find_class(self, module_name: str, global_name: str) -> object:
        known: dict[str, object] = {"_rebuild_tensor_v2": _tensor, "OrderedDict": OrderedDict}
        if global_name in _STORAGES:
            return global_name
        return known.get(global_name, _Unknown)

    @override
    def persistent_load(self, pid: tuple[str, str, str, str, int]) -> NDArray[np.generic]:
        _, storage, key, _, _ = pid
        data = self._archive.read(f"{self._root}/data/{key}")
        return np.frombuffer(data, np.dtype(_STORAGES[storage]))


def read_weights(path: Path) -> Weights:
    """The tensors of a state dictionary by name, or of the one inside a training checkpoint."""
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith(_PICKLE))
        content = _Unpickler(archive, name).load()
    return dict(content.get("state_dict", content))


def _tensor(
    storage: NDArray[np.generic], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> NDArray[np.generic]:
    steps = [step * storage.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps).copy()
