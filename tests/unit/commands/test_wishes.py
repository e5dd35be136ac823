"""What a person types after `audio2txt transcribe` is what the gateway is asked for."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

import msgspec
import pytest

from audio2txt_client import JobWishes
from services.commands import retry
from services.commands.engines import kept_terms
from services.commands.wishes import add_wishes, order_of, read_time
from services.gateway.requests import JobRequest, RetryRequest
from shared.errors import ConfigurationError
from shared.schemas.jobs import Analysis, ArtifactFormat, Priority, Redaction, ReportMode, Script, SpeakerRange


def order(*arguments: str) -> JobWishes:
    """What these arguments ask for."""
    parser = argparse.ArgumentParser()
    add_wishes(parser)
    return order_of(parser.parse_args(arguments))


def test_nothing_typed_asks_for_nothing() -> None:
    """The server's defaults stand."""
    assert order() == {}


def test_every_wish_can_be_typed(tmp_path: Path) -> None:
    """And the gateway understands it as it was meant."""
    terms = tmp_path / "terms.txt"
    terms.write_text("\ufeffAudio2txt\r\n\r\n  Dr.   Chen \nAudio2txt\n", encoding="utf-8")
    typed = order(
        *("--language", "en", "--engine", "assemblyai", "--formats", "pdf, SRT", "--speakers", "2-4", "--channels"),
        *("--vocabulary", str(terms), "--term", "陳醫師", "--term", "ACME"),
        *("--redact", "person_name, phone_number", "--redact-audio", "--analyses", "entities,topics"),
        *("--solution", "executive_meeting", "--report-language", "zh-Hant", "--report-mode", "llm", "--script", "zh-Hant-TW"),
        *("--input", "chair=王董", "--input", "body=a=b"),
        *("--title", "董事會", "--tag", "board", "--tag", "2026", "--metadata", "case=7", "--priority", "low"),
        *("--start-after", "2026-12-01T06:00+08:00"),
    )
    assert typed["formats"] == (ArtifactFormat.PDF, ArtifactFormat.SRT)
    assert typed["vocabulary"] == ("Audio2txt", "Dr. Chen", "陳醫師", "ACME")
    request = msgspec.json.decode(msgspec.json.encode(typed), type=JobRequest)
    assert msgspec.convert(request.speakers, SpeakerRange, from_attributes=True) == SpeakerRange(min=2, max=4)
    redaction = msgspec.convert(request.redaction, Redaction, from_attributes=True)
    assert redaction == Redaction(categories=("person_name", "phone_number"), audio=True)
    assert request.analyses == (Analysis.ENTITIES, Analysis.TOPICS)
    assert request.channels
    assert (request.solution, request.report_language, request.report_mode, request.script) == (
        "executive_meeting",
        "zh-Hant",
        ReportMode.LLM,
        Script.TAIWAN,
    )
    assert request.inputs == {"chair": "王董", "body": "a=b"}
    assert (request.title, request.tags, request.metadata) == ("董事會", ("board", "2026"), {"case": "7"})
    assert (request.priority, request.start_after) == (Priority.LOW, dt.datetime(2026, 11, 30, 22, tzinfo=dt.UTC))
    assert order("--speakers", "3") == {"speakers": {"min": 3, "max": 3}}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--speakers", "a few"], "--speakers: 'a few' is neither"),
        (["--speakers", "2-"], "--speakers"),
        (["--formats", "doc"], "--formats: there is no 'doc'; there are md, txt"),
        (["--analyses", "topics,horoscope"], "--analyses: there is no 'horoscope'"),
        (["--input", "=x"], "--input: '=x' is not NAME=VALUE"),
        (["--input", "chair"], "--input: 'chair' is not NAME=VALUE"),
        (["--metadata", "case"], "--metadata: 'case' is not NAME=VALUE"),
        (["--start-after", "tonight"], "--start-after: 'tonight' is neither an hour such as 22:00 nor a time"),
        (["--start-after", "25:00"], "--start-after: '25:00' is neither"),
        (["--redact-audio"], "--redact-audio needs --redact"),
        (["--vocabulary", "no-such-file"], "no-such-file cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_named(arguments: list[str], said: str) -> None:
    """By the option and what it takes."""
    with pytest.raises(ConfigurationError, match=said):
        order(*arguments)


def test_an_hour_is_the_next_such_hour() -> None:
    """By this machine's clock, where it has no zone of its own."""
    noon = dt.datetime.fromisoformat("2026-11-29T12:00").astimezone()
    for typed, meant in (
        ("22:00", "2026-11-29T22:00"),
        ("06:30", "2026-11-30T06:30"),
        ("12:00", "2026-11-30T12:00"),
        ("2026-11-01", "2026-11-01T00:00"),
    ):
        assert read_time("--start-after", typed, now=noon) == dt.datetime.fromisoformat(meant).astimezone(), typed
    assert read_time("--start-after", None) is None


def test_more_terms_than_a_tenant_can_keep_are_refused(tmp_path: Path) -> None:
    """By the file and the limit."""
    terms = tmp_path / "terms.txt"
    terms.write_text("\n".join(f"term {number}" for number in range(1001)), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"has 1,001 terms; 1,000 are kept"):
        kept_terms(terms)
    terms.write_text("x" * 101, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="longer than 100 characters"):
        kept_terms(terms)


def test_a_retry_asks_for_what_is_to_be_different() -> None:
    """And for nothing else; the gateway understands it."""
    subparsers = argparse.ArgumentParser().add_subparsers()
    retry.register(subparsers)
    parser = subparsers.choices["retry"]
    job = "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"
    assert retry.change_of(parser.parse_args([job])) == {}
    typed = parser.parse_args(
        [job, "--solution", "lecture", "--report-language", "en", "--formats", "docx", "--input", "course=X"]
    )
    request = msgspec.json.decode(msgspec.json.encode(retry.change_of(typed)), type=RetryRequest)
    assert request == RetryRequest(
        solution="lecture", report_language="en", formats=(ArtifactFormat.DOCX,), inputs={"course": "X"}
    )
    heard = [
        "--language",
        "yue",
        "--script",
        "zh-Hant-HK",
        "--term",
        "Kowloon",
        "--vocabulary-set",
        "Board",
        "--engine",
        "local",
    ]
    request = msgspec.json.decode(msgspec.json.encode(retry.change_of(parser.parse_args([job, *heard]))), type=RetryRequest)
    assert request == RetryRequest(
        language="yue", script=Script.HONG_KONG, vocabulary=("Kowloon",), vocabularies=("Board",), engine="local"
    )
