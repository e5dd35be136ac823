"""Wall clocks that can be set while programs run by them: libfaketime moves `CLOCK_REALTIME` and leaves the monotonic one.

Give `environment` to the programs; PostgreSQL and Python know no other clock then.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.debian import find_or_install

PACKAGE = "libfaketime"


class WallClock:
    """A context manager. Shows the right time at first. Raises `PackageMissing` where it cannot be had."""

    def __init__(self) -> None:
        self._library = find_or_install(PACKAGE, _installed)
        self._folder = tempfile.TemporaryDirectory(prefix="audio2txt-clock-")
        self.ahead = 0.0

    def __enter__(self) -> Self:
        # For the account that PostgreSQL runs under, too.
        Path(self._folder.name).chmod(0o755)
        self.put(0.0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """What makes a program go by this clock."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def put(self, ahead: float) -> None:
        """Set it so many seconds ahead of the right time, or behind it; every program sees that at once."""
        self.ahead = ahead
        written = self._offset.with_suffix(".new")
        written.write_text(f"{ahead:+.0f}\n")
        written.chmod(0o644)
        written.rename(self._offset)

    def now(self) -> float:
        """What it shows: Unix seconds."""
        return time.time() + self.ahead

    @property
    def _offset(self) -> Path:
        return Path(self._folder.name) / "offset"


def _installed() -> Path | None:
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
