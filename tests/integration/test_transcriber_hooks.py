"""Providers call back: that hastens what polls would find out, and tells what nobody else could."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import urlencode

import pytest

from services.transcriber.engines import Finished, Pending, Prepared, Task, checkpoint_prefix
from services.transcriber.engines.script import raw_script
from services.transcriber.hooks import CALLBACK
from shared.blobs import BlobNotFound, BlobStore
from shared.database import Pool
from shared.health import Receive
from shared.metrics import ENGINE_DUPLICATES
from shared.schemas.events import TranscriptionState
from tests.transcribing import Process, Provider, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]
pytestmark = pytest.mark.usefixtures("impatient")

SECRET = {"X-Secret": "of the provider"}


@pytest.fixture
def provider() -> Provider:
    """A provider that asks for an hour of patience between polls."""
    provider = Provider()
    provider.polls_until_finished, provider.pause = 1, 3600.0
    return provider


@pytest.fixture
def process(transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Provider) -> Process:
    """A process."""
    return Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"rented": provider})


async def test_a_callback_spares_the_wait(process: Process, provider: Provider) -> None:
    """The task is asked for at once, and what is said in the callback is not believed."""
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until(lambda: len(provider.polls) == 1)
        (provider_id,) = provider.accepted
        assert await _call(process, token=provider.tokens[provider_id], id=provider_id) == 200
        await process.ready(event)
    assert len(provider.polls) == 2


async def test_a_callback_during_a_question_is_not_lost(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider finishes just after it has said that it is not finished."""
    poll = provider.poll

    async def overtaken_poll(task: Task, provider_id: str) -> Pending | Finished:
        answer = await poll(task, provider_id)
        if isinstance(answer, Pending):
            assert await _call(process, token=task.token, id=provider_id) == 200
        return answer

    monkeypatch.setattr(provider, "poll", overtaken_poll)
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))


async def test_strangers_are_turned_away(process: Process, provider: Provider) -> None:
    """Who does not know the secret changes nothing."""
    provider.polls_until_finished = 10**9
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until(lambda: len(provider.polls) == 1)
        (provider_id,) = provider.accepted
        assert await _call(process, {}, token=provider.tokens[provider_id], id="forged") == 401
        assert await process.state(event) is TranscriptionState.PROCESSING
    assert len(provider.polls) == 1


async def test_a_stranger_cannot_keep_a_provider_waiting(process: Process, provider: Provider) -> None:
    """Whoever cannot be the provider is answered before a byte of what it sends is read."""
    provider.largest_callback = 64 * 1024 * 1024
    unread: list[object] = []

    async def receive() -> MutableMapping[str, Any]:
        unread.append(None)
        await asyncio.Event().wait()
        raise AssertionError

    async with asyncio.timeout(10):
        strangers = [_call(process, {}, token="x", receive=receive) for _ in range(20)]
        assert await asyncio.gather(*strangers) == [401] * 20
        assert await _call(process, token="of a job that was erased", id="x") == 200
    assert unread == []


async def test_what_nobody_waits_for_is_answered_kindly(process: Process) -> None:
    """A provider gives up for good at a refusal: a callback about a job that is gone is not refused."""
    assert await _call(process, token="of a job that was erased", id="x") == 200


async def test_other_paths_and_methods_are_none(process: Process) -> None:
    """Only engines of providers are called back, and only with POST."""
    assert await _call(process, path="/hooks/local", token="x") == 404
    assert await _call(process, method="GET", token="x") == 405


async def test_a_body_without_end_is_not_read_to_its_end(process: Process) -> None:
    """A stranger cannot fill our memory."""
    assert await _call(process, body=b"x" * 70_000, token="x") == 413


async def test_the_provider_tries_again_when_our_database_is_away(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage of ours is answered with 503, after which providers try again."""

    async def away(*_: object) -> None:
        raise ConnectionRefusedError("the database is away")

    monkeypatch.setattr(process.submissions, "called", away)
    assert await _call(process, token="x", id="y") == 503


async def test_a_callback_about_a_lost_submission_is_its_proof(process: Process, provider: Provider) -> None:
    """The provider took the task, its answer was lost, its list shows nothing yet: the callback tells the task's id."""
    provider.lost_answers, provider.unlisted, provider.polls_until_finished = 1, 10**9, 0
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until(lambda: len(provider.accepted) == 1)
        (provider_id,) = provider.accepted
        assert await _call(process, token=provider.tokens[provider_id], id=provider_id) == 200
        await process.ready(event)
    assert len(provider.accepted) == 1


async def test_a_callback_that_overtakes_the_answer_to_the_submission_names_the_same_task(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is first writes the id down; the other finds it there."""
    submit, before = provider.submit, _duplicates()

    async def overtaken_submit(task: Task, prepared: Prepared) -> str:
        provider_id = await submit(task, prepared)
        assert await _call(process, token=task.token, id=provider_id) == 200
        return provider_id

    provider.polls_until_finished = 0
    monkeypatch.setattr(provider, "submit", overtaken_submit)
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))
    assert _duplicates() == before


@pytest.mark.parametrize("when", ["processing", "done"])
async def test_a_second_task_of_one_submission_is_reported_and_dismissed(
    process: Process, provider: Provider, when: str
) -> None:
    """A provider that took the recording twice is found out, and only the extra task goes."""
    before = _duplicates()
    provider.polls_until_finished = 0 if when == "done" else 10**9
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until(lambda: bool(provider.polls))
        if when == "done":
            await process.ready(event)
        (provider_id,) = provider.accepted
        provider.accepted["twin"] = event.job_id
        assert await _call(process, token=provider.tokens[provider_id], id="twin") == 200
    assert _duplicates() == before + 1
    await process.pool.execute("delete from transcriber.leftovers where provider_id <> 'twin'")
    await process.cleaner.clean()
    assert provider.dismissed == ["twin"]


@pytest.mark.parametrize("how", ["cancelled", "erased"])
async def test_a_late_callback_shows_what_is_left_to_dismiss(process: Process, provider: Provider, how: str) -> None:
    """The job was taken back while nobody knew whether the provider has its task; now somebody does."""
    provider.lost_answers, provider.unlisted = 1, 10**9
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until(lambda: len(provider.accepted) == 1)
        await _until_free(process)
        await (process.cancel(event) if how == "cancelled" else process.erase(event))
        (provider_id,) = provider.accepted
        assert await _call(process, token=provider.tokens[provider_id], id=provider_id) == 200
        await process.cleaner.clean()
    assert provider.dismissed == [provider_id]
    assert await process.pool.fetchval("select count(*) from transcriber.leftovers where engine is not null") == 0


async def test_an_answer_that_comes_only_once_is_kept_before_it_is_acknowledged(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some providers keep nothing: what they call back with is stored when they are told that it arrived."""
    monkeypatch.setattr(Provider, "largest_callback", 1024 * 1024)
    kept: list[bytes] = []

    async def poll_the_callback(task: Task, provider_id: str) -> Pending | Finished:
        provider.polls.append(task)
        try:
            kept.append(await process.blobs.get(_callback_key(task)))
        except BlobNotFound:
            return Pending(seconds=3600.0)
        return Finished(raw=kept[0])

    monkeypatch.setattr(provider, "poll", poll_the_callback)
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until(lambda: bool(provider.polls))
        (provider_id,) = provider.accepted
        raw = raw_script(10_000)
        assert await _call(process, body=raw, token=provider.tokens[provider_id]) == 200
        await process.ready(event)
        assert kept == [raw]
        await process.pool.execute("update transcriber.leftovers set due_at = now()")
        await process.cleaner.clean()
        assert await process.keys(checkpoint_prefix(event.tenant_id, event.job_id, 1)) == []
        assert await _call(process, body=raw, token=provider.tokens[provider_id]) == 200
        assert await process.keys(checkpoint_prefix(event.tenant_id, event.job_id, 1)) == []


async def _call(
    process: Process,
    headers: MutableMapping[str, str] = SECRET,
    *,
    path: str = "/hooks/rented",
    method: str = "POST",
    body: bytes = b"",
    receive: Receive | None = None,
    **query: str,
) -> int:
    """Call back as a provider does; the status of the answer."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": urlencode(query).encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    parts = [body[at : at + 1000] for at in range(0, len(body), 1000)] or [b""]
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts[:-1]]
    messages.append({"type": "http.request", "body": parts[-1], "more_body": False})
    sent: list[MutableMapping[str, Any]] = []

    async def receive_next() -> MutableMapping[str, Any]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await process.hooks(scope, receive or receive_next, send)
    return int(sent[0]["status"])


def _callback_key(task: Task) -> str:
    return checkpoint_prefix(task.tenant_id, task.job_id, task.run) + CALLBACK


def _duplicates() -> float:
    return float(ENGINE_DUPLICATES.labels("rented")._value.get())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def _until_free(process: Process) -> None:
    """Nobody is in the middle of a step."""
    async with asyncio.timeout(30):
        while await process.leases_held():
            await asyncio.sleep(0.005)
