"""The requests we make to Google: recordings to Cloud Storage, operations of Speech-to-Text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import msgspec

from services.transcriber.engines import Account, KeyRefused, OutcomeUnknown, Reserve
from services.transcriber.engines.google.credentials import ServiceAccount, Tokens
from services.transcriber.engines.google.messages import BatchRecognize, Operation, Operations
from services.transcriber.engines.google.settings import GoogleSettings
from services.transcriber.engines.http import Answer, Body, ProviderHttp, words_of
from shared.errors import RetryableError

READ_SECONDS = 120.0
TOTAL_SECONDS = 3 * 3600.0
"""The longest a request may take as a whole: an upload of some GB over a slow line."""
_PAGE = 100
_FIELDS = "operations(name,metadata),nextPageToken"
"""Without the transcripts, which lie in the operations."""
_NOTHING_THERE = frozenset({400, 404, 409, 501})
"""What Google answers to the ending of something that has ended, is gone, or cannot be ended."""


class Api:
    """One project, bucket and location, on behalf of one service account."""

    def __init__(self, *, settings: GoogleSettings, bucket: str, service_account: ServiceAccount, reserve: Reserve) -> None:
        location = settings.google_location
        host = "speech.googleapis.com" if location == "global" else f"{location}-speech.googleapis.com"
        self._speech = f"{settings.google_speech_url or f'https://{host}'}/v2"
        self._parent = f"projects/{service_account.project_id}/locations/{location}"
        self._storage, self._bucket = settings.google_storage_url, bucket
        self._reserve = reserve
        self._tokens = Tokens(service_account=service_account, reserve=reserve)
        self._http = ProviderHttp(provider="Google", read_seconds=READ_SECONDS, total_seconds=TOTAL_SECONDS)

    async def upload(self, account: Account, name: str, body: Body) -> str:
        """Store a recording; its URI. Once more replaces it."""
        url = f"{self._storage}/upload/storage/v1/b/{self._bucket}/o"
        self._require(await self._send(account, "POST", url, {"uploadType": "media", "name": name}, body=body))
        return f"gs://{self._bucket}/{name}"

    async def delete_object(self, account: Account, uri: str) -> None:
        """Remove a recording; removing nothing is no error."""
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        answer = await self._send(account, "DELETE", f"{self._storage}/storage/v1/b/{bucket}/o/{quote(name, safe='')}")
        if answer.status != 404:
            self._require(answer)

    async def batch_recognize(self, account: Account, wanted: BatchRecognize) -> str:
        """Have a recording heard; the name of the operation. Paid: whatever is not a clear answer is `OutcomeUnknown`."""
        url = f"{self._speech}/{self._parent}/recognizers/_:batchRecognize"
        answer = await self._send(account, "POST", url, body=Body.of(msgspec.json.encode(wanted)))
        if answer.status == 500:
            raise OutcomeUnknown("Google took the recording perhaps: it answered 500 Internal Server Error.")
        self._require(answer)
        try:
            return msgspec.json.decode(answer.body, type=Operation).name
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise OutcomeUnknown("Google took the recording perhaps: its answer cannot be read.") from None

    async def operation(self, account: Account, name: str) -> bytes | None:
        """An operation as it stands, byte for byte; null when there is none of this name."""
        answer = await self._send(account, "GET", f"{self._speech}/{name}")
        if answer.status == 404:
            return None
        self._require(answer)
        return answer.body

    async def operations(self, account: Account) -> AsyncIterator[Operation]:
        """Every operation of the project in this location that Google still lists."""
        page = Operations(next_page_token="")
        while True:
            query = {"pageSize": str(_PAGE), "fields": _FIELDS, "pageToken": page.next_page_token}
            url = f"{self._speech}/{self._parent}/operations"
            answer = await self._send(account, "GET", url, {name: text for name, text in query.items() if text})
            self._require(answer)
            page = _page(answer.body)
            for operation in page.operations:
                yield operation
            if not page.next_page_token:
                return

    async def end_operation(self, account: Account, name: str) -> None:
        """Cancel an operation if it runs, and have Google forget its transcript; once more is no error."""
        for method, action in (("POST", ":cancel"), ("DELETE", "")):
            body = Body.of(b"{}") if method == "POST" else None
            answer = await self._send(account, method, f"{self._speech}/{name}{action}", body=body)
            if answer.status not in _NOTHING_THERE:
                self._require(answer)

    async def close(self) -> None:
        """Let go of the sessions."""
        await self._tokens.close()
        await self._http.close()

    async def _send(
        self, account: Account, method: str, url: str, params: dict[str, str] | None = None, *, body: Body | None = None
    ) -> Answer:
        """One request; a second one when its token was refused, which Google may do before the token expires."""
        refused: str | None = None
        while True:
            token = await self._tokens.get(account)
            async with self._reserve(account):
                headers = {"Authorization": f"Bearer {token}"}
                answer = await self._http.send(method, url, headers=headers, params=params, body=body)
            if answer.status != 401 or refused is not None:
                return answer
            refused = token
            self._tokens.forget(token)

    def _require(self, answer: Answer) -> None:
        if answer.status == 403:
            said = words_of(answer.body)
            raise KeyRefused(f"Google does not allow it to the service account{said and ': '}{said}.")
        if not answer.ok:
            raise self._http.refusal(answer)


def _page(body: bytes) -> Operations:
    try:
        return msgspec.json.decode(body, type=Operations)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RetryableError("Google gave a list of operations that cannot be read.") from None
