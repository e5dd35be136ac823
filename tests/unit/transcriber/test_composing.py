"""What an engine heard becomes one document that says where it came from and what it is worth."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import UUID

import msgspec

from services.transcriber.composing import Provenance, compose
from services.transcriber.engines import Heard, Usage
from shared.schemas.jobs import Redaction, RedactionSubstitute
from shared.schemas.transcripts import (
    Chapter,
    ContentWarning,
    Entity,
    Highlight,
    Insights,
    Moment,
    RedactionRecord,
    Sentiment,
    Topic,
    Transcript,
)
from tests.transcribing import passage

JOB = UUID("01936d1e-0000-7000-8000-000000000001")
THEN = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def _compose(
    heard: Heard, *, provider: str = "local", redaction: Redaction | None = None, attachments: tuple[str, ...] = ()
) -> Transcript:
    provenance = Provenance(
        job_id=JOB,
        run=2,
        provider=provider,
        provider_id=None,
        raw_key="raw/2.json",
        raw_sha256="00ff",
        started_at=THEN,
        heard_at=THEN + dt.timedelta(seconds=9),
        redaction=redaction,
        attachments=attachments,
    )
    return compose(heard, provenance)


TALK = Heard(
    model="tiny.en",
    duration_ms=10_000,
    channels=2,
    source_sha256="abcd",
    language="en",
    passages=(
        passage("Who is there?", speaker="B", start_ms=1_000),
        passage("It is me.", speaker="A", start_ms=3_000, confidence=0.3),
        passage("Come in.", speaker="B", start_ms=5_000),
    ),
)


def test_speakers_are_numbered_as_they_come() -> None:
    """Whoever speaks first is the first speaker, whatever the engine calls them."""
    transcript = _compose(TALK)
    assert [(speaker.id, speaker.label, speaker.speech_ms) for speaker in transcript.speakers] == [
        ("spk_1", "B", 1_500),
        ("spk_2", "A", 900),
    ]
    assert [segment.speaker_id for segment in transcript.segments] == ["spk_1", "spk_2", "spk_1"]
    assert "speakers_not_separated" not in transcript.quality.notes


def test_an_engine_that_knows_no_speakers_says_so() -> None:
    """Null is not "speaker one"; readers are told."""
    heard = Heard(model="tiny.en", duration_ms=2_000, passages=(passage("Hello there."),), notes=("truncated",))
    transcript = _compose(heard)
    assert transcript.speakers == ()
    assert transcript.segments[0].speaker_id is None
    assert transcript.quality.notes == ("truncated", "speakers_not_separated")


def test_the_document_says_where_it_came_from() -> None:
    """Engine, model, the unchanged answer with its digest, the run, and when."""
    transcript = _compose(TALK)
    assert transcript.version == 2
    assert transcript.engine.provider == "local"
    assert (transcript.engine.raw_key, transcript.engine.raw_sha256) == ("raw/2.json", "00ff")
    assert transcript.engine.finished_at == transcript.created_at
    assert transcript.media.sha256 == "abcd"


def test_a_repeat_gives_the_same_bytes() -> None:
    """Composing again after a crash overwrites a document with itself."""
    assert msgspec.json.encode(_compose(TALK)) == msgspec.json.encode(_compose(TALK))


def test_only_a_detected_language_is_called_detected() -> None:
    """A language that was asked for, or is the only one the model knows, was not detected."""
    assert _compose(TALK).detected_language is None
    detected = _compose(replace(TALK, language="zh", language_confidence=0.8)).detected_language
    assert detected is not None
    assert (detected.code, detected.confidence) == ("zh", 0.8)


def test_quality_counts_what_is_known() -> None:
    """Words the engine is unsure of are counted; unknown confidence counts for nothing."""
    quality = _compose(TALK).quality
    assert quality.low_confidence_ratio == 0.375
    assert quality.speech_ms == 2_400
    silent = _compose(Heard(model="m", duration_ms=900, passages=(passage("a b", confidence=None),))).quality
    assert silent.mean_confidence is None
    assert silent.low_confidence_ratio is None


def test_speakers_may_talk_at_the_same_time() -> None:
    """Overlapping speech keeps its times; only one speaker's own words follow each other."""
    heard = Heard(
        model="m",
        duration_ms=5_000,
        passages=(passage("one two three", speaker="A"), passage("four", speaker="B", start_ms=100)),
    )
    assert [(segment.speaker_id, segment.start_ms) for segment in _compose(heard).segments] == [("spk_1", 0), ("spk_2", 100)]


def test_it_can_be_read_back() -> None:
    """The stored document decodes to what was composed."""
    transcript = _compose(TALK)
    assert msgspec.json.decode(msgspec.json.encode(transcript), type=Transcript) == transcript


def test_what_the_engine_found_out_names_our_speakers() -> None:
    """Its labels become ids; a label that nobody in the transcript has becomes nobody."""
    moods = tuple(Sentiment(sentiment="neutral", start_ms=1_000, end_ms=2_000, speaker_id=label) for label in ("A", "Z", None))
    insights = _compose(replace(TALK, insights=Insights(sentiments=moods))).insights
    assert insights is not None
    assert insights.sentiments is not None
    assert [mood.speaker_id for mood in insights.sentiments] == ["spk_2", None, None]


def test_what_the_engine_found_out_lies_in_the_recording() -> None:
    """Times beyond its end, before its start or in the wrong order are put right; what has no times is left alone."""
    insights = Insights(
        entities=(Entity(type="city", text="Taipei", start_ms=-5, end_ms=400),),
        chapters=(Chapter(start_ms=9_000, end_ms=12_000, headline="The end"),),
        highlights=(Highlight(text="come in", count=2, moments=(Moment(start_ms=5_000, end_ms=4_000),)),),
        content_warnings=(ContentWarning(label="weapons", start_ms=20_000, end_ms=30_000),),
        topics=(Topic(label="Travel>Asia"),),
        summary="Somebody comes in.",
    )
    assert _compose(replace(TALK, insights=insights)).insights == Insights(
        entities=(Entity(type="city", text="Taipei", start_ms=0, end_ms=400),),
        chapters=(Chapter(start_ms=9_000, end_ms=10_000, headline="The end"),),
        highlights=(Highlight(text="come in", count=2, moments=(Moment(start_ms=5_000, end_ms=5_000),)),),
        content_warnings=(ContentWarning(label="weapons", start_ms=10_000, end_ms=10_000),),
        topics=insights.topics,
        summary=insights.summary,
    )


def test_nothing_asked_for_is_not_the_same_as_nothing_found() -> None:
    """Null and empty stay what they are."""
    assert _compose(TALK).insights is None
    assert _compose(replace(TALK, insights=Insights(entities=()))).insights == Insights(entities=())


def test_what_the_provider_asks_goes_on_record() -> None:
    """By the prices of the day; an engine in the house asks nothing, and an unknown price is not guessed."""
    used = replace(TALK, usage=Usage(billed_ms=3_600_000, items=("universal-2", "speaker_labels")))
    cost = _compose(used, provider="assemblyai").engine.cost
    assert cost is not None
    assert (float(cost.amount), cost.billed_ms, len(cost.prices)) == (0.17, 3_600_000, 2)
    assert _compose(used, provider="nobody").engine.cost is None
    assert _compose(TALK).engine.cost is None


def test_a_redaction_goes_on_record() -> None:
    """What was removed, what stands there instead, and where the recording lies in which it cannot be heard."""
    asked = Redaction(categories=("person_name",), substitute=RedactionSubstitute.HASH, audio=True)
    assert _compose(TALK).redaction is None
    assert _compose(TALK, redaction=asked).redaction == RedactionRecord(categories=("person_name",), substitute="hash")
    assert _compose(TALK, redaction=asked, attachments=("t/1/notes.txt", "t/1/redacted.mp3")).redaction == RedactionRecord(
        categories=("person_name",), substitute="hash", audio_key="t/1/redacted.mp3", audio_media_type="audio/mpeg"
    )
