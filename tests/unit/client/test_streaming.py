"""What comes in pieces: lists, events and files, over connections that break."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from typing_extensions import override

import audio2txt_client as a2t
from tests.clienting import FACES, facing, first

AT_ONCE = a2t.Retries(attempts=3, first=0, longest=0)
ID = UUID("0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a")
DATA = bytes(range(256)) * 4000


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks off after its pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    @override
    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        raise httpx.ReadError("reset")

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def job(version: int, state: str = "transcribing") -> bytes:
    """A job as the gateway shows it, as far as it matters here."""
    about = ("run", "version", "revision"), ("title", "file_name", "engine", "formats", "speakers", "redaction", "script")
    unknown = ("report_language", "report_mode", "progress", "duration_ms", "detected_language", "failure", "callback")
    stage = {"state": "done", "engine": None, "model": None, "progress": None, "cost": None}
    shown: dict[str, Any] = {
        **dict.fromkeys(about[0], version),
        **dict.fromkeys((*about[1], *unknown, "finished_at")),
        **dict.fromkeys(("vocabulary", "analyses", "artifacts"), ()),
        **dict.fromkeys(("created_at", "updated_at"), "2026-11-29T00:00:00Z"),
        "id": ID,
        "state": state,
        "language": "en",
        "solution": "verbatim",
        "channels": False,
        "inputs": {},
        "metadata": {},
        "source": dict.fromkeys(("size", "sha256", "media_type", "url")),
        "stages": {"transcription": stage, "report": {"state": "done"}},
        "links": dict.fromkeys(("self", "events", "transcript", "report", "artifacts"), "/v1"),
    }
    return msgspec.json.encode(shown)


def event(version: int, state: str = "transcribing") -> bytes:
    """Of the stream."""
    return b"event: job\nid: %d\ndata: %s\n\n" % (version, job(version, state))


def scripted(*answers: Callable[[httpx.Request], httpx.Response]) -> tuple[Any, list[httpx.Request]]:
    """A server that answers one after the other, and what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answers[len(asked) - 1](request)

    return answer, asked


def streamed(*pieces: bytes, broken: bool = False) -> Callable[[httpx.Request], httpx.Response]:
    """A stream of events."""
    headers = {"Content-Type": "text/event-stream"}
    body = b"retry: 0\n\n" + b"".join(pieces)
    if broken:
        return lambda _: httpx.Response(200, headers=headers, stream=Broken(body[:100], body[100:-5]))
    return lambda _: httpx.Response(200, headers=headers, content=body)


@pytest.mark.parametrize("kind", FACES)
async def test_a_job_is_followed_over_streams_that_end(kind: str) -> None:
    """Each version once, in order, whatever breaks: the next stream goes on after what was heard, and polls once between."""
    server, asked = scripted(
        streamed(event(1), b": ping\n\n", event(2), event(3), broken=True),  # the third is cut
        lambda _: httpx.Response(200, content=job(2)),
        lambda _: httpx.Response(503, json={}, headers={"Retry-After": "0"}),
        lambda _: httpx.Response(200, content=job(4)),
        streamed(b"event: news\ndata: {}\n\n", event(4), event(5)),
        lambda _: httpx.Response(200, content=job(5)),
        streamed(event(6, "completed")),
    )
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        seen = await face(lambda c: c.jobs.events(ID))
    assert [job.version for job in seen] == [1, 2, 4, 5, 6]
    assert seen[-1].state == "completed"
    streams = [request for request in asked if request.url.path.endswith("/events")]
    assert [request.headers.get("Last-Event-ID") for request in streams] == [None, "2", "4", "5"]


@pytest.mark.parametrize("kind", FACES)
async def test_who_knows_the_end_already_is_not_kept_waiting(kind: str) -> None:
    """A stream after the last version says nothing; the job is asked for, and is at rest. A lost job is an error."""
    ended = job(7, "completed")
    server, _ = scripted(streamed(), lambda _: httpx.Response(200, content=ended))
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        assert await face(lambda c: c.jobs.events(ID, after=7)) == []
    gone = httpx.Response(404, json={"detail": "There is no job with this id.", "code": "job_not_found"})
    async with facing(kind, handler=lambda _: gone, retries=AT_ONCE) as face:
        with pytest.raises(a2t.NotFound, match="no job"):
            await face(lambda c: c.jobs.events(ID))


@pytest.mark.parametrize("kind", FACES)
async def test_all_jobs_are_followed_from_the_last_place(kind: str) -> None:
    """A snapshot that breaks off begins anew; after it, each stream goes on where the last one was, pings included. A place
    that is too old is an error."""
    told = b"event: job\ndata: %s\n\n" % job(3)
    gone = httpx.Response(410, json={"detail": "What happened since is not known.", "code": "events_forgotten"})
    server, asked = scripted(
        streamed(told, told, broken=True),
        streamed(told, b"id: a\nevent: synced\ndata: {}\n\n", b": ping\nid: b\n\n"),
        streamed(b'id: c\nevent: deleted\ndata: {"id":"%s"}\n\nevent: newer\ndata: 1\n\n' % str(ID).encode()),
        lambda _: gone,
    )
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        news = await face(lambda c: first(4, c.jobs.feed(states=["failed", "queued"], tags=["a b"], snapshot=True)))
        assert [(one.kind, one.place, one.job_id) for one in news[:2]] == [("job", None, ID)] * 2
        assert [(one.kind, one.place, one.job_id) for one in news[2:]] == [("synced", "a", None), ("deleted", "c", ID)]
        assert news[0].job.version == 3
        with pytest.raises(a2t.Gone):
            await face(lambda c: first(1, c.jobs.feed(after=news[-1].place)))
    assert [request.headers.get("Last-Event-ID") for request in asked] == [None, None, "b", "c"]
    assert asked[1].url.query == b"state=failed&state=queued&tag=a+b&snapshot=true"
    assert b"snapshot" not in asked[2].url.query


@pytest.mark.parametrize("kind", FACES)
async def test_lists_go_on_with_the_filters_they_began_with(kind: str) -> None:
    """Page after page, and no page more than is looked at."""
    pages = {None: ("1", 2), "1": ("2", 2), "2": (None, 1)}

    def server(request: httpx.Request) -> httpx.Response:
        assert (request.url.params["state"], request.url.params["limit"]) == ("completed", "2")
        following, count = pages[request.url.params.get("after")]
        data = b",".join([job(1, "completed")] * count)
        return httpx.Response(
            200, content=b'{"data":[%s],"has_more":true,"next_cursor":%s}' % (data, msgspec.json.encode(following))
        )

    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        assert len(await face(lambda c: c.jobs.list(state=a2t.JobState.COMPLETED, page_size=2))) == 5


def artifact(data: bytes = DATA, *, sha256: str | None = None) -> a2t.Artifact:
    """A file that is announced."""
    return a2t.Artifact(
        name="a b.pdf", format=a2t.FileFormat.PDF, state=a2t.ArtifactState.READY, media_type="application/pdf", size=len(data),
        sha256=sha256 or hashlib.sha256(data).hexdigest(), url=None, failure=None,
    )  # fmt: skip


def part(request: httpx.Request, *, breaks_at: int | None = None) -> httpx.Response:
    """The rest of the file that is asked for, as far as the connection goes."""
    assert request.url.raw_path.endswith(b"/artifacts/a%20b.pdf")
    start = int(request.headers.get("Range", "bytes=0-")[6:-1])
    headers = {"ETag": '"e"', "Content-Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"}
    status = 206 if "Range" in request.headers else 200
    if breaks_at is not None:
        return httpx.Response(status, headers=headers, stream=Broken(DATA[start:breaks_at]))
    return httpx.Response(status, headers=headers, content=DATA[start:])


@pytest.mark.parametrize("kind", FACES)
async def test_a_download_goes_on_where_it_broke_off(kind: str, tmp_path: Path) -> None:
    """With the range that is missing, of the same bytes; also where an earlier program has left its part."""
    server, asked = scripted(
        lambda request: part(request, breaks_at=100_000),
        lambda request: part(request, breaks_at=300_000),
        lambda request: part(request, breaks_at=300_000),
        part,
    )
    target = tmp_path / "a.pdf"
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        assert await face(lambda c: c.artifacts.download(ID, artifact(), target)) == len(DATA)
        assert target.read_bytes() == DATA
        assert [request.headers.get("Range") for request in asked] == [None, "bytes=100000-", "bytes=300000-", "bytes=300000-"]
        assert asked[1].headers["If-Range"] == '"e"'
    server, asked = scripted(lambda request: part(request, breaks_at=9), *[lambda _: httpx.Response(503, json={})] * 3, part)
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        with pytest.raises(a2t.Unavailable):
            await face(lambda c: c.artifacts.download(ID, artifact(), tmp_path / "b.pdf"))
        assert [path.name for path in tmp_path.glob("b*")] == [f"b.pdf.{artifact().sha256[:12]}.part"]  # type: ignore[index]
        await face(lambda c: c.artifacts.download(ID, artifact(), tmp_path / "b.pdf"))
    assert asked[-1].headers["Range"] == "bytes=9-"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "b.pdf"]


@pytest.mark.parametrize("kind", FACES)
async def test_a_file_that_is_not_the_announced_one_is_not_kept(kind: str, tmp_path: Path) -> None:
    """The digest decides: a rest that does not fit is fetched anew once, and then it is an error."""
    partial = tmp_path / f"a.pdf.{artifact().sha256[:12]}.part"  # type: ignore[index]
    partial.write_bytes(b"of another file")
    server, asked = scripted(part, part)
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        await face(lambda c: c.artifacts.download(ID, artifact(), tmp_path / "a.pdf"))
    assert ((tmp_path / "a.pdf").read_bytes(), len(asked)) == (DATA, 2)
    async with facing(kind, handler=part, retries=AT_ONCE) as face:
        with pytest.raises(a2t.ContentMismatch):
            await face(lambda c: c.artifacts.download(ID, artifact(sha256="0" * 64), tmp_path / "c.pdf"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf"]
    with pytest.raises(a2t.Conflict):
        async with facing(kind, handler=lambda _: httpx.Response(409, json={}), retries=AT_ONCE) as face:
            await face(lambda c: c.artifacts.download(ID, artifact(), tmp_path / "d.pdf"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf"]
    kept = io.BytesIO(b"before")
    kept.seek(0, io.SEEK_END)
    server, _ = scripted(lambda request: part(request, breaks_at=5), lambda _: httpx.Response(200, content=DATA))
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        await face(lambda c: c.artifacts.download(ID, artifact(), kept))
    assert kept.getvalue() == b"before" + DATA
