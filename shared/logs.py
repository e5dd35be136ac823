"""Structured logs: JSON for machines, columns for a person at a terminal. No audio, text or secret belongs in them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import structlog

from shared.schemas.events import Event, JobEvent
from shared.settings import PlatformSettings


def configure_logs(settings: PlatformSettings) -> None:
    """Set up structlog, and route the libraries' own logging through it."""
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    # Our own lines do not go through `logging`, which would cost four times as much.
    structlog.configure(
        processors=[*shared, *renderers, _encoded],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("aio_pika", "aiormq", "aiobotocore", "botocore", "httpx", "faster_whisper", "uvicorn.error", "asyncio"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def _encoded(_logger: Any, _method: str, line: Any) -> bytes:
    rendered: str = line
    return rendered.encode(errors="backslashreplace")


@contextmanager
def bound_event(event: Event, *, queue: str) -> Iterator[None]:
    """Bind who an event is about to every log line of its handler."""
    job = {"job_id": str(event.job_id), "run": event.run} if isinstance(event, JobEvent) else {}
    with structlog.contextvars.bound_contextvars(
        queue=queue,
        message_id=str(event.event_id),
        tenant_id=str(event.tenant_id),
        trace_id=trace_id(event.traceparent),
        **job,
    ):
        yield


@contextmanager
def bound_job(*, tenant_id: UUID, job_id: UUID | None, traceparent: str | None = None) -> Iterator[None]:
    """Bind a job, if it is about one, to every log line of a loop's step."""
    job = {"job_id": str(job_id)} if job_id is not None else {}
    with structlog.contextvars.bound_contextvars(tenant_id=str(tenant_id), trace_id=trace_id(traceparent), **job):
        yield


def trace_id(traceparent: str | None) -> str | None:
    """The trace id inside a W3C `traceparent` header."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else None
