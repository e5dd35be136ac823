"""Uploads and transcripts: the calls that every client makes."""

from __future__ import annotations

from uuid import uuid4

from aiohttp import web

from services.sandbox.assemblyai import paging
from services.sandbox.assemblyai.answer import pending
from services.sandbox.assemblyai.answers import Answers
from services.sandbox.assemblyai.composing import encode
from services.sandbox.assemblyai.door import Door, reply
from services.sandbox.assemblyai.faults import Fault, Faults, Route
from services.sandbox.assemblyai.folder import Folder, Intake
from services.sandbox.assemblyai.order import Refusal, parse_order
from services.sandbox.assemblyai.sources import Sources, upload_path
from services.sandbox.assemblyai.state import Fate, State, Status, Transcript, Upload, now
from services.sandbox.assemblyai.work import Work

NEGATIVE_BALANCE = "Your current account balance is negative. Please top up to continue using the API."
_UNKNOWN = {400: "Transcript lookup error, transcript id not found", 404: "Not found"}


class Transcripts:
    """`/v2/upload` and `/v2/transcript`."""

    def __init__(
        self,
        *,
        state: State,
        folder: Folder,
        sources: Sources,
        work: Work,
        answers: Answers,
        faults: Faults,
        unknown_id_status: int,
    ) -> None:
        self._state = state
        self._folder = folder
        self._sources = sources
        self._work = work
        self._answers = answers
        self._faults = faults
        self._unknown = Refusal(unknown_id_status, _UNKNOWN[unknown_id_status])

    def routes(self, door: Door) -> list[web.RouteDef]:
        """All of them."""
        one = "/v2/transcript/{id}"
        return [
            web.post("/v2/upload", door.opens(Route.UPLOAD, self.upload)),
            web.post("/v2/transcript", door.opens(Route.SUBMIT, self.submit)),
            web.get("/v2/transcript", door.opens(Route.LIST, self.list)),
            web.get(one, door.opens(Route.GET, self.get)),
            web.delete(one, door.opens(Route.DELETE, self.delete)),
            web.get("/upload/{project}/{id}", unreadable),
        ]

    async def upload(self, request: web.Request, key: str) -> web.Response:
        """Take the body, whatever it is and however it comes."""
        upload = Upload(id=str(uuid4()), key=key, sha256="", size=0, created=now())
        path = self._folder.upload(upload.id)
        intake = Intake(path)
        try:
            async for chunk in request.content.iter_any():
                intake.write(chunk)
        except BaseException:
            path.unlink()
            raise
        finally:
            upload.sha256, upload.size = intake.close(), intake.size
        self._state.add(upload)
        self._folder.note(upload)
        return reply({"upload_url": f"{request.url.origin()}{upload_path(upload)}"})

    async def submit(self, request: web.Request, key: str) -> web.Response:
        """Accept a transcript."""
        order = parse_order(await request.read())
        if self._state.key(key).negative_balance:
            raise Refusal(400, NEGATIVE_BALANCE)
        self._sources.check(order.audio_url, key)
        transcript = self._state.accept(key, order, self._fate())
        self._work.begin(transcript)
        self._folder.note(transcript)
        return reply(encode(pending(transcript), new_values=transcript.fate.new_values))

    async def list(self, request: web.Request, key: str) -> web.Response:
        """A page of the key's transcripts."""
        query = paging.parse_query(request.query)
        return reply(paging.page(self._state.of_key(key), query, f"{request.url.origin()}/v2/transcript"))

    async def get(self, request: web.Request, key: str) -> web.Response:
        """A transcript as it is now."""
        transcript = self.find(request, key)
        if transcript.status.is_final:
            transcript.gets += 1
        else:
            transcript.polls += 1
        return reply(self._answers.of(transcript))

    async def delete(self, request: web.Request, key: str) -> web.Response:
        """Remove what was said and, if it was uploaded, the audio."""
        transcript = self.find(request, key)
        transcript.deletes += 1
        if not transcript.deleted:
            self._erase(transcript)
        return reply(self._answers.of(transcript))

    def find(self, request: web.Request, key: str) -> Transcript:
        """The transcript in the path; a `Refusal` when the key has none of this id."""
        transcript = self._state.transcripts.get(request.match_info["id"])
        if transcript is None or transcript.key != key:
            raise self._unknown
        return transcript

    def _fate(self) -> Fate:
        strike = self._faults.strike
        return Fate(
            listed_after=float(strike(Fault.LIST_LAG, Route.SUBMIT) or 0),
            error=strike(Fault.JOB_ERROR, Route.SUBMIT),
            expired=strike(Fault.UPLOAD_EXPIRED, Route.SUBMIT) is not None,
            new_values=strike(Fault.NEW_VALUES, Route.SUBMIT) is not None,
        )

    def _erase(self, transcript: Transcript) -> None:
        self._work.stop(transcript)
        transcript.deleted, transcript.status = True, Status.COMPLETED
        transcript.completed = transcript.completed or now()
        self._answers.forget(transcript)
        if (upload := self._sources.upload_of(transcript)) is not None:
            upload.deleted = True
            self._folder.upload(upload.id).unlink(missing_ok=True)
            self._folder.note(upload)
        self._folder.note(transcript)


async def unreadable(_: web.Request) -> web.Response:
    """Only the vendor reads uploads."""
    return reply({"error": "Cannot access uploaded file"}, 403)
