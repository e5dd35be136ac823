"""One piece of a recording, sent to the server in one request."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import msgspec

from services.transcriber.engines import KeyRefused, OutcomeUnknown
from services.transcriber.engines.http import Answer, Body, ProviderHttp
from services.transcriber.engines.openai.models import Field
from shared.errors import JobError

_CHUNK_BYTES = 256 * 1024
_UNPAID = (b'"insufficient_quota"', b'"billing_hard_limit_reached"')
_FORMS = (b"response_format", b"timestamp_granularities")


class FormRefused(Exception):
    """The server does not answer in the form that was asked for. Nothing was taken."""


class Asking:
    """Asks for the words of a piece."""

    def __init__(self, *, http: ProviderHttp, url: str) -> None:
        self._http = http
        self._url = f"{url}/audio/transcriptions"

    async def ask(self, fields: list[Field], audio: Path, key: str) -> bytes:
        """The server's answer. Raises `FormRefused`, or what `ProviderHttp` tells; `OutcomeUnknown` when it is not whole."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = await self._http.send("POST", self._url, headers=headers, body=await asyncio.to_thread(_form, fields, audio))
        if not answer.ok:
            raise self._refusal(answer)
        try:
            msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
        except msgspec.MsgspecError:
            raise OutcomeUnknown("The server answered with something that is no whole JSON document.") from None
        return answer.body

    def _refusal(self, answer: Answer) -> Exception:
        if answer.status in (400, 422) and any(name in answer.body for name in _FORMS):
            return FormRefused(str(self._http.refusal(answer)))
        if answer.status == 413:
            return JobError(
                "file_too_large",
                "The server takes less than AUDIO2TXT_OPENAI_MAX_BYTES in one file; use another engine or tell the operator.",
            )
        if answer.status == 429 and any(code in answer.body for code in _UNPAID):
            return KeyRefused("The account at the server has no credit left.")
        return self._http.refusal(answer)


def _form(fields: list[Field], audio: Path) -> Body:
    """`multipart/form-data` of known length, with the file last."""
    boundary = secrets.token_hex(16)
    texts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields
    ]
    opening = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="audio.flac"\r\n'
        "Content-Type: audio/flac\r\n\r\n"
    ).encode()
    head, tail = b"".join([*texts, opening]), f"\r\n--{boundary}--\r\n".encode()
    return Body(
        media_type=f"multipart/form-data; boundary={boundary}",
        chunks=partial(_parts, head, audio, tail),
        size=len(head) + audio.stat().st_size + len(tail),
    )


async def _parts(head: bytes, audio: Path, tail: bytes) -> AsyncIterator[bytes]:
    yield head
    with await asyncio.to_thread(audio.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
    yield tail
