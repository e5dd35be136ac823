"""The reporter's settings."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from shared.settings import Settings


class ReporterSettings(Settings, frozen=True, kw_only=True):
    """Read from `AUDIO2TXT_RENDER_*`."""

    render_workers: Annotated[int, Meta(ge=1, le=16, description="Most processes that render artifacts at once.")] = 1
    render_seconds: Annotated[
        float, Meta(ge=1, le=3600, description="Longest time that rendering one artifact may take, in seconds.")
    ] = 60.0
    render_idle_seconds: Annotated[
        float, Meta(ge=0, description="After how many seconds without work a render process ends and frees its memory.")
    ] = 300.0
