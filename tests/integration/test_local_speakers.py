"""The local engine says who speaks when: as many people as there are, also across windows and crashes."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from services.transcriber.composing import Provenance, compose
from services.transcriber.engines import Heard, Task, checkpoint_prefix
from services.transcriber.engines.local import LocalEngine
from services.transcriber.engines.local.messages import Answer, Window
from services.transcriber.engines.local.models import Model, SpeakerModel
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore, source_key
from shared.schemas.engines import Feature
from shared.schemas.ids import new_id
from shared.schemas.jobs import JobOptions, SpeakerRange
from shared.schemas.transcripts import Transcript
from tests import reference_audio
from tests.error_rates import COLLAR_MS, diarization_error, misattributed
from tests.reference_audio import Speech, Unavailable

pytest_plugins = ["tests.fixtures_transcriber"]

Opener = Callable[[SpeakerModel | None], LocalEngine]


@pytest.fixture
def speaker_model() -> SpeakerModel:
    """The networks."""
    model = SpeakerModel.find(None)
    if model is None:
        pytest.skip("what tells speakers apart is not there: make models")
    return model


@pytest_asyncio.fixture
async def open_local(transcriber_blobs: BlobStore, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens engines with windows of a quarter of a minute, with and without a speaker model."""
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(closing(Scratch.open(tmp_path / "scratch", "tests")))

        def open_engine(speaker_model: SpeakerModel | None) -> LocalEngine:
            engine = LocalEngine(
                settings=TranscriberSettings(local_beam_size=1),
                model=Model.find(None),
                speaker_model=speaker_model,
                blobs=transcriber_blobs,
                scratch=scratch,
                window_ms=15_000,
            )
            stack.push_async_callback(engine.close)
            return engine

        yield open_engine


@pytest.fixture
def conversation() -> tuple[bytes, list[Speech]]:
    """Two people, labelled by hand."""
    try:
        samples, speech = reference_audio.conversation()
    except Unavailable as error:
        pytest.skip(str(error))
    return reference_audio.wav(samples), speech


async def _task(blobs: BlobStore, recording: bytes) -> Task:
    tenant_id, job_id = new_id(), new_id()
    key = source_key(tenant_id, job_id)
    await blobs.put(key, recording)
    return Task(tenant_id=tenant_id, job_id=job_id, run=1, language=None, source_key=key)


async def _unheeded(progress: float, *, duration_ms: int | None = None) -> None:
    del progress, duration_ms


def _turns(raw: bytes) -> list[Speech]:
    speakers = msgspec.json.decode(raw, type=Answer).speakers
    assert speakers is not None
    return [Speech(turn.start_ms, turn.end_ms, str(turn.speaker)) for turn in speakers.turns]


def _composed(heard: Heard) -> Transcript:
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    provenance = Provenance(
        job_id=new_id(),
        run=1,
        provider="local",
        provider_id=None,
        raw_key="raw",
        raw_sha256="0" * 64,
        started_at=now,
        heard_at=now,
    )
    return compose(heard, provenance)


def _words(heard: Heard) -> list[Speech]:
    return [Speech(word.s or 0, word.e or 0, passage.speaker or "") for passage in heard.passages for word in passage.words]


async def test_two_people_in_conversation(
    open_local: Opener,
    speaker_model: SpeakerModel,
    transcriber_blobs: BlobStore,
    conversation: tuple[bytes, list[Speech]],
) -> None:
    """They overlap and take quick turns, on the telephone: nearly all speech and every sentence is given to whoever says it."""
    recording, reference = conversation
    engine = open_local(speaker_model)
    raw = await engine.transcribe(await _task(transcriber_blobs, recording), _unheeded)
    assert diarization_error(reference, _turns(raw)).error < 0.12
    assert diarization_error(reference, _turns(raw), collar_ms=COLLAR_MS).error < 0.05
    transcript = _composed(engine.parse(raw))
    assert [speaker.label for speaker in transcript.speakers] == ["A", "B"]
    assert "speakers_not_separated" not in transcript.quality.notes
    assert misattributed(reference, _words(engine.parse(raw))) < 0.1


async def test_one_person_is_one_speaker(open_local: Opener, speaker_model: SpeakerModel, transcriber_blobs: BlobStore) -> None:
    """A reader, however long, over several windows."""
    engine = open_local(speaker_model)
    recording = reference_audio.wav(reference_audio.monologue())
    transcript = _composed(engine.parse(await engine.transcribe(await _task(transcriber_blobs, recording), _unheeded)))
    assert [speaker.label for speaker in transcript.speakers] == ["A"]
    assert all(segment.speaker_id for segment in transcript.segments)


async def test_four_people_taking_turns(open_local: Opener, speaker_model: SpeakerModel, transcriber_blobs: BlobStore) -> None:
    """Thirteen turns of four voices: each is found again whenever it comes back."""
    try:
        samples, reference = reference_audio.four_speakers()
    except Unavailable as error:
        pytest.skip(str(error))
    engine = open_local(speaker_model)
    raw = await engine.transcribe(await _task(transcriber_blobs, reference_audio.wav(samples)), _unheeded)
    assert len({turn.speaker for turn in _turns(raw)}) == 4
    assert diarization_error(reference, _turns(raw)).confused < 0.03


async def test_the_customer_knows_how_many_speak(
    open_local: Opener,
    speaker_model: SpeakerModel,
    transcriber_blobs: BlobStore,
    conversation: tuple[bytes, list[Speech]],
) -> None:
    """Whoever expects one speaker gets one; whoever expects three or more does not get two."""
    engine = open_local(speaker_model)
    assert {Feature.SPEAKERS, Feature.SPEAKER_COUNT} <= engine.capabilities.features

    task = await _task(transcriber_blobs, conversation[0])

    async def count(speakers: SpeakerRange) -> int:
        asked = replace(task, options=JobOptions(speakers=speakers))
        return len({turn.speaker for turn in _turns(await engine.transcribe(asked, _unheeded))})

    assert await count(SpeakerRange(min=1, max=1)) == 1
    assert await count(SpeakerRange(min=3)) >= 3


async def test_without_the_networks_the_engine_says_so(open_local: Opener, transcriber_blobs: BlobStore) -> None:
    """It does not declare that it tells speakers apart, and the transcript carries a note instead of a speaker."""
    engine = open_local(None)
    assert not engine.capabilities.has(Feature.SPEAKERS)
    recording = reference_audio.wav(reference_audio.monologue()[: 8 * reference_audio.RATE])
    transcript = _composed(engine.parse(await engine.transcribe(await _task(transcriber_blobs, recording), _unheeded)))
    assert transcript.speakers == ()
    assert "speakers_not_separated" in transcript.quality.notes


async def test_voices_outlive_a_crash(
    open_local: Opener,
    speaker_model: SpeakerModel,
    transcriber_blobs: BlobStore,
    conversation: tuple[bytes, list[Speech]],
) -> None:
    """Whoever goes on hears only the window that is missing, and finds the same people."""
    task = await _task(transcriber_blobs, conversation[0])
    whole = await open_local(speaker_model).transcribe(task, _unheeded)
    kept = await _checkpoints(transcriber_blobs, task)
    await transcriber_blobs.delete(list(kept)[-1])
    heard: list[float] = []

    async def report(progress: float, *, duration_ms: int | None = None) -> None:
        del duration_ms
        heard.append(progress)

    again = await open_local(speaker_model).transcribe(task, report)
    assert again == whole
    assert Counter(heard)[1.0] == 1
    assert min(heard[1:]) > list(kept.values())[-2].end_ms / 30_000


async def test_windows_heard_without_the_networks_are_heard_again(
    open_local: Opener, speaker_model: SpeakerModel, transcriber_blobs: BlobStore
) -> None:
    """After an upgrade in the middle of a recording, all of it has speakers."""
    recording = reference_audio.wav(reference_audio.monologue()[: 8 * reference_audio.RATE])
    task = await _task(transcriber_blobs, recording)
    await open_local(None).transcribe(task, _unheeded)
    upgraded = open_local(speaker_model)
    heard = upgraded.parse(await upgraded.transcribe(task, _unheeded))
    assert {passage.speaker for passage in heard.passages} == {"A"}


async def test_terms_of_the_customer_are_looked_for(open_local: Opener, transcriber_blobs: BlobStore) -> None:
    """They reach the recogniser, and the transcript tells which they were."""
    engine = open_local(None)
    assert engine.capabilities.has(Feature.VOCABULARY)
    recording = reference_audio.wav(reference_audio.monologue()[: 8 * reference_audio.RATE])
    task = replace(await _task(transcriber_blobs, recording), vocabulary=("wisdom", "foolishness"))
    heard = engine.parse(await engine.transcribe(task, _unheeded))
    assert heard.params["vocabulary"] == "wisdom, foolishness"
    assert "wisdom" in [word.t.strip(".,") for passage in heard.passages for word in passage.words]


async def _checkpoints(blobs: BlobStore, task: Task) -> dict[str, Window]:
    prefix = checkpoint_prefix(task.tenant_id, task.job_id, task.run)
    return {info.key: msgspec.json.decode(await blobs.get(info.key), type=Window) async for info in blobs.list(prefix)}
