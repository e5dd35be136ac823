"""What takes time and is no request: waiting, and reading and writing files."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


def unblocked(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of a function that may block, such as reading a file."""
    return function(*args, **kwargs)
