"""Looks for a text in every place where an installation might keep it, behind its back."""

from __future__ import annotations

import io
import wave
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field

import pypdf

from shared.blobs import BlobStore
from shared.bus import Bus
from shared.database import Pool
from tests.installation import Installation
from tests.sandboxes import Control


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where to look."""

    pool: Pool
    store: BlobStore
    bus: Bus
    vendor: Control
    installation: Installation
    vendors_files: Iterable[object] = field(default=())

    async def with_(self, text: str) -> list[str]:
        """Every place that has it, in words for a person."""
        return [
            *await in_database(self.pool, text),
            *await in_store(self.store, text),
            *await in_parking(self.bus, text),
            *await at_vendor(self.vendor, text),
            *in_logs(self.installation, text),
        ]


async def in_database(pool: Pool, text: str) -> list[str]:
    """Every column of every table of every schema of ours, whatever its type, by the catalogue."""
    columns = await pool.fetch(
        """
        select n.nspname as schema, c.relname as table, a.attname as column, t.typname as type
        from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
        join pg_type t on t.oid = a.atttypid
        where c.relkind in ('r', 'p', 'm') and a.attnum > 0 and not a.attisdropped
          and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
        """
    )
    assert {row["schema"] for row in columns} >= {"gateway", "transcriber", "notifier"}
    found = []
    for row in columns:
        name, table = f'"{row["column"]}"', f'{row["schema"]}."{row["table"]}"'
        says = (
            f"position(convert_to($1::text, 'utf8') in {name})" if row["type"] == "bytea" else f"position($1 in {name}::text)"
        )
        if count := await pool.fetchval(f"select count(*) from {table} where {says} > 0", text):
            found.append(f"{count} rows of {table}.{name}")
    return found


async def in_store(store: BlobStore, text: str) -> list[str]:
    """Every blob, Word documents and PDFs opened."""
    return [info.key async for info in store.list("t/") if text in _readable(info.key, await store.get(info.key))]


async def in_parking(bus: Bus, text: str) -> list[str]:
    """What is parked."""
    return [f"parked {message.queue}" for message in await bus.parked(1000) if text.encode() in message.payload]


async def at_vendor(vendor: Control, text: str) -> list[str]:
    """What the vendor's sandbox still tells of transcripts and uploads."""
    return [f"vendor's {kind}" for kind in ("transcripts", "uploads") if text in str(await vendor.tell(kind))]


def in_logs(installation: Installation, text: str) -> list[str]:
    """What every process has written, on any level."""
    return [
        f"log of {name}" for name, process in installation.processes.items() if text in process.log.read_text(encoding="utf-8")
    ]


def recording(samples: bytes) -> bytes:
    """A WAV file of these samples, 16 bits at 16 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(16_000)
        audio.writeframes(samples)
    return file.getvalue()


async def hurry_erasures(pool: Pool) -> None:
    """The transcriber waits half a minute for late writers, and orders wait longer after each pass: not now."""
    await pool.execute("update transcriber.leftovers set due_at = now()")
    await pool.execute("update gateway.erasure_orders set next_at = now() where certified_at is null")


def _readable(key: str, data: bytes) -> str:
    if key.endswith(".docx"):
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return " ".join(package.read(name).decode(errors="replace") for name in package.namelist())
    if key.endswith(".pdf"):
        return " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)
    return data.decode(errors="replace")
