"""The official SDK, unmodified, works against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import assemblyai as aai
import pytest
import pytest_asyncio
from assemblyai.prerecorded.v2 import AsyncTranscriber, async_api

from services.sandbox.assemblyai.server import Sandbox
from tests.sandboxes import CANNED, control, sandbox

CONFIG = aai.TranscriptionConfig(
    speech_models=["universal-3-5-pro", "universal-2"],
    language_detection=True,
    speaker_labels=True,
    entity_detection=True,
    sentiment_analysis=True,
    auto_highlights=True,
    iab_categories=True,
    content_safety=True,
)


@pytest_asyncio.fixture
async def running() -> AsyncIterator[Sandbox]:
    """A sandbox that says always the same."""
    async with sandbox() as one:
        yield one


@pytest_asyncio.fixture
async def client(running: Sandbox) -> AsyncIterator[aai.AsyncClient]:
    """The SDK's client, pointed at it."""
    settings = aai.Settings(
        api_key="key", base_url=running.url, llm_gateway_base_url=running.url, polling_interval=0.02, http_timeout=10
    )
    async with aai.AsyncClient(settings=settings) as one:
        yield one


async def test_a_file_is_transcribed(client: aai.AsyncClient, tmp_path: Path) -> None:
    """Upload, submit and wait; every analysis that was asked for can be read."""
    path = tmp_path / "audio.mp3"
    path.write_bytes(b"audio" * 100_000)
    transcript = await AsyncTranscriber(client=client).transcribe(str(path), CONFIG)
    assert transcript.status is aai.TranscriptStatus.completed
    assert (transcript.text or "").startswith("Good morning")
    assert [utterance.speaker for utterance in transcript.utterances or []][:2] == ["A", "B"]
    assert transcript.entities
    assert transcript.sentiment_analysis
    assert transcript.auto_highlights
    assert transcript.iab_categories
    assert transcript.content_safety
    assert transcript.audio_duration == 60


async def test_a_stream_is_uploaded(client: aai.AsyncClient, running: Sandbox) -> None:
    """Chunked, without a length or a type."""

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 65_536

    url = await async_api.upload_file(client.http_client, stream())
    (upload,) = running.state.uploads.values()
    assert url.startswith(f"{running.url}/upload/")
    assert upload.size == 20 * 65_536


async def test_everything_is_exported(client: aai.AsyncClient) -> None:
    """Sentences, paragraphs, captions and word search."""
    transcript = await AsyncTranscriber(client=client).transcribe(b"audio")
    assert (await transcript.get_sentences())[0].text.startswith("Good morning")
    assert (await transcript.get_paragraphs())[0].words
    assert (await transcript.export_subtitles_srt(chars_per_caption=32)).startswith("1\n00:00:00,000 --> ")
    assert (await transcript.export_subtitles_vtt()).startswith("WEBVTT\n\n00:00.000 --> ")
    (match,) = await transcript.word_search(["the figures"])
    assert match.count == 1


async def test_transcripts_are_listed_and_deleted(client: aai.AsyncClient) -> None:
    """What was deleted stays in the list, without its text and audio."""
    transcriber = AsyncTranscriber(client=client)
    ids = [(await transcriber.transcribe(b"audio")).id for _ in range(3)]
    page = await transcriber.list_transcripts(aai.ListTranscriptParameters(limit=2, status=aai.TranscriptStatus.completed))
    assert [item.id for item in page.transcripts] == ids[:0:-1]
    older = await transcriber.list_transcripts(
        aai.ListTranscriptParameters(limit=2, before_id=page.page_details.before_id_of_prev_url)
    )
    assert [item.id for item in older.transcripts] == ids[:1]
    deleted = await transcriber.delete_by_id(ids[1] or "")
    assert (deleted.text, deleted.words, deleted.status) == ("Deleted by user.", None, aai.TranscriptStatus.completed)
    urls = [item.audio_url for item in (await transcriber.list_transcripts()).transcripts]
    assert urls[1] == "http://deleted_by_user"
    assert len(urls) == 3


async def test_redacted_audio_is_saved(client: aai.AsyncClient, tmp_path: Path) -> None:
    """As a file that decodes."""
    config = aai.TranscriptionConfig().set_redact_pii(policies=[aai.PIIRedactionPolicy.person_name], redact_audio=True)
    transcript = await AsyncTranscriber(client=client).transcribe(b"audio", config)
    await transcript.save_redacted_audio(str(tmp_path / "redacted.mp3"))
    assert _seconds(tmp_path / "redacted.mp3") >= 60


async def test_redacted_audio_comes_later_and_goes_again() -> None:
    """The SDK's own errors for both."""
    async with sandbox(replace(CANNED, redaction_seconds=30.0)) as running:
        settings = aai.Settings(api_key="key", base_url=running.url, polling_interval=0.02)
        async with aai.AsyncClient(settings=settings) as client:
            config = aai.TranscriptionConfig().set_redact_pii(policies=[aai.PIIRedactionPolicy.person_name], redact_audio=True)
            transcript = await AsyncTranscriber(client=client).transcribe(b"audio", config)
            with pytest.raises(aai.types.RedactedAudioIncompleteError):
                await async_api.get_redacted_audio(client.http_client, str(transcript.id))
            async with control(running.url) as sandbox_control:
                await sandbox_control.next("redacted_audio_expired")
            with pytest.raises(aai.types.RedactedAudioExpiredError):
                await async_api.get_redacted_audio(client.http_client, str(transcript.id))


async def test_the_llm_gateway_refuses_in_its_own_words(client: aai.AsyncClient, running: Sandbox) -> None:
    """With a request id."""
    async with control(running.url) as sandbox_control:
        await sandbox_control.next("throttled", route="chat")
    with pytest.raises(aai.LLMGatewayError) as caught:
        await aai.AsyncLLMGateway(client=client).chat.completions.create(
            model="claude-sonnet-5", messages=[{"role": "user", "content": "Hello"}]
        )
    assert caught.value.status_code == 429
    assert caught.value.request_id


async def test_the_llm_gateway_answers(client: aai.AsyncClient) -> None:
    """Usage comes in both sets of names, which the SDK needs."""
    gateway = aai.AsyncLLMGateway(client=client)
    models = (await gateway.models.list()).data
    answer = await gateway.chat.completions.create(
        model=models[0].id, messages=[{"role": "user", "content": "Summarise."}], max_tokens=100
    )
    assert answer.choices[0].message.content
    assert answer.usage.prompt_tokens == answer.usage.input_tokens


async def test_the_synchronous_transcriber_works(running: Sandbox) -> None:
    """The three lines of the documentation, in a thread."""

    def transcribe() -> aai.Transcript:
        settings = aai.Settings(api_key="key", base_url=running.url, polling_interval=0.02)
        one = aai.Client(settings=settings)
        try:
            return aai.Transcriber(client=one).transcribe(b"audio")
        finally:
            one.http_client.close()

    transcript = await asyncio.to_thread(transcribe)
    assert (transcript.text or "").startswith("Good morning")


def _seconds(path: Path) -> float:
    import av

    with av.open(str(path)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
