"""Messages for people: the same news as in a webhook's body, in their words. Channels only lay them out."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from services.notifier.channels import Message
from services.notifier.channels.wording import WORDINGS, Phrase, Wording
from shared.errors import JobError
from shared.schemas.endpoints import EventType
from shared.schemas.jobs import ArtifactState, Failure, ReportLanguage
from shared.schemas.webhooks import WebhookArtifact, WebhookBatchBody, WebhookBody, WebhookJob, WebhookUsageBody
from shared.solutions import Solutions, find

LONGEST_TITLE = 120
"""Characters. What is longer ends in an ellipsis."""
LONGEST_REASON = 600
MOST_FILES = 12
WHOLE = 100
"""Percent."""
ABOUT_ENDPOINTS = frozenset(
    {EventType.ENDPOINT_TEST, EventType.ENDPOINT_CONFIRMATION, EventType.ENDPOINT_FAILING, EventType.ENDPOINT_DISABLED}
)
TO_USERS = frozenset({EventType.USER_INVITATION, EventType.USER_PASSWORD_RESET})

_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""What turns the direction of writing or hides letters: of no use in a title, and of much use to deceive."""


_BLANK = frozenset({"Cc", "Cs", "Zl", "Zp", "Zs"})


class Tone(enum.StrEnum):
    """Whether it is good news."""

    GOOD = "good"
    BAD = "bad"
    NEUTRAL = "neutral"


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a notice."""

    name: str
    value: str


class NoticeFile(msgspec.Struct, frozen=True, kw_only=True):
    """One of the job's files."""

    name: str
    detail: str
    """Its size, or that it could not be made."""
    url: str | None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is told. All texts are plain, on one line, and from outside: layouts escape them."""

    language: ReportLanguage
    wording: Wording
    tone: Tone
    subject: str
    heading: str
    title: str | None
    """Of the recording, or the batch; null where it is not about one."""
    sentence: str
    why: str
    """Why they get it; `{address}` is theirs."""
    details: tuple[Fact, ...]
    """Beside the title."""
    files: tuple[NoticeFile, ...]
    url: str | None
    """Of the job, or the batch."""
    of_batch: bool = False

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The title and the details, line by line."""
        name = self.wording.batch if self.of_batch else self.wording.recording
        title = (Fact(name=name, value=self.title),) if self.title else ()
        return (*title, *self.details)

    @property
    def opening(self) -> str:
        """What the link is called."""
        return self.wording.open_batch if self.of_batch else self.wording.open_job


def notice_of(message: Message, language: ReportLanguage, solutions: Solutions) -> Notice:
    """The notice of a message, in a language. Raises `msgspec.ValidationError` for a body that is none of ours."""
    if message.type == EventType.USAGE_THRESHOLD:
        return _about_usage(msgspec.json.decode(message.body, type=WebhookUsageBody), language)
    if message.type == EventType.BATCH_COMPLETED:
        return _about_batch(msgspec.json.decode(message.body, type=WebhookBatchBody), language)
    body, wording = msgspec.json.decode(message.body, type=WebhookBody), WORDINGS[language]
    phrase, job = wording.phrases[body.type], body.data
    if body.type in ABOUT_ENDPOINTS:
        return _about_endpoint(body, language)
    if body.type in TO_USERS:
        return _to_user(body, language)
    return Notice(
        language=language,
        wording=wording,
        tone=_tone(body.type),
        subject=_subject(phrase, job, wording),
        heading=phrase.heading,
        title=_title(job, wording),
        sentence=phrase.sentence,
        why=wording.why,
        details=_details(job, wording, _report(job, language, solutions)),
        files=tuple(_file(artifact, wording) for artifact in job.artifacts[:MOST_FILES]),
        url=job.url,
    )


def _about_usage(body: WebhookUsageBody, language: ReportLanguage) -> Notice:
    """How much is used, of what, and when it is all there again."""
    wording, usage = WORDINGS[language], body.data
    phrase, resource = wording.phrases[EventType.USAGE_THRESHOLD], wording.resources[usage.resource]
    lines = (
        (resource, f"{_number(usage.used)} / {_number(usage.limit)}"),
        (wording.month, usage.month),
        (wording.resets, "" if usage.resets_at is None else f"{usage.resets_at:%Y-%m-%d} UTC"),
    )
    return Notice(
        language=language,
        wording=wording,
        tone=Tone.BAD if usage.threshold >= WHOLE else _tone(EventType.USAGE_THRESHOLD),
        subject=phrase.subject.format(threshold=usage.threshold, resource=resource),
        heading=phrase.heading.format(threshold=usage.threshold),
        title=None,
        sentence=phrase.sentence,
        why=wording.why,
        details=tuple(Fact(name=name, value=value) for name, value in lines if value),
        files=(),
        url=None,
    )


def _about_batch(body: WebhookBatchBody, language: ReportLanguage) -> Notice:
    """How many of its recordings ended in which way; ways in which none did are left out."""
    wording, batch = WORDINGS[language], body.data
    phrase, title = wording.phrases[EventType.BATCH_COMPLETED], one_line(batch.title or "") or wording.untitled_batch
    counts = (
        (wording.recordings, batch.size),
        (wording.completed, batch.completed),
        (wording.failed, batch.failed),
        (wording.cancelled, batch.cancelled),
        (wording.refused, batch.refused),
        (wording.deleted, batch.deleted),
    )
    all_well = Tone.GOOD if batch.completed == batch.size else _tone(EventType.BATCH_COMPLETED)
    return Notice(
        language=language,
        wording=wording,
        tone=Tone.BAD if batch.failed + batch.refused == batch.size else all_well,
        subject=phrase.subject.format(title=title),
        heading=phrase.heading,
        title=title,
        sentence=phrase.sentence,
        why=wording.why,
        details=tuple(Fact(name=name, value=f"{count:,}") for name, count in counts if count),
        files=(),
        url=batch.url,
        of_batch=True,
    )


def _number(text: str) -> str:
    """With separators, and all its decimals."""
    return f"{Decimal(text):,f}"


def _about_endpoint(body: WebhookBody, language: ReportLanguage) -> Notice:
    """A warning names the endpoint and why nothing gets through; a test and a question have nothing of others to tell."""
    wording, about = WORDINGS[language], body.data
    phrase, warns = wording.phrases[body.type], body.type in (EventType.ENDPOINT_FAILING, EventType.ENDPOINT_DISABLED)
    lines = ((wording.endpoint, one_line(about.title or "")), (wording.reason, about.failure.message if about.failure else ""))
    return Notice(
        language=language,
        wording=wording,
        tone=_tone(body.type),
        subject=phrase.subject,
        heading=phrase.heading,
        title=None,
        sentence=phrase.sentence,
        why=wording.why,
        details=tuple(Fact(name=name, value=value) for name, value in lines if value and warns),
        files=(),
        url=None,
    )


def _to_user(body: WebhookBody, language: ReportLanguage) -> Notice:
    """It names the organisation, which the operator has called so; nothing in it comes from whoever had it sent."""
    wording = WORDINGS[language]
    phrase, organisation = wording.phrases[body.type], one_line(body.data.title or "")
    return Notice(
        language=language,
        wording=wording,
        tone=_tone(body.type),
        subject=phrase.subject,
        heading=phrase.heading,
        title=None,
        sentence=phrase.sentence,
        why=wording.why_user,
        details=(Fact(name=wording.organisation, value=organisation),) if organisation else (),
        files=(),
        url=None,
    )


def one_line(text: str, longest: int = LONGEST_TITLE) -> str:
    """Text from outside without line breaks, control characters or tricks of direction, and not too long."""
    visible = _INVISIBLE.sub("", text)
    plain = "".join(" " if unicodedata.category(character) in _BLANK else character for character in visible)
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def fitting(lines: Iterable[str], longest: int) -> str:
    """As many of the lines as fit into so many characters, none of them cut; an ellipsis stands for the rest."""
    text = ""
    for line in lines:
        if len(text) + len(line) + 2 > longest:
            return text + "…"
        text += line + "\n"
    return text.removesuffix("\n")


def _tone(type_: EventType) -> Tone:
    match type_:
        case EventType.JOB_COMPLETED | EventType.ENDPOINT_TEST:
            return Tone.GOOD
        case EventType.JOB_FAILED | EventType.ENDPOINT_FAILING | EventType.ENDPOINT_DISABLED:
            return Tone.BAD
        case EventType.JOB_CANCELLED | EventType.JOB_PROGRESSED | EventType.USAGE_THRESHOLD | EventType.ENDPOINT_CONFIRMATION:
            return Tone.NEUTRAL
        case EventType.BATCH_COMPLETED | EventType.USER_INVITATION | EventType.USER_PASSWORD_RESET:
            return Tone.NEUTRAL


def _subject(phrase: Phrase, job: WebhookJob, wording: Wording) -> str:
    return phrase.subject.format(title=_title(job, wording)) if "{title}" in phrase.subject else phrase.subject


def _title(job: WebhookJob, wording: Wording) -> str:
    return one_line(job.title or "") or wording.untitled


def _report(job: WebhookJob, language: ReportLanguage, solutions: Solutions) -> str | None:
    """What the job's report is called; the operator may have taken the scenario away since."""
    try:
        return find(solutions, job.solution).title[language] if job.solution else None
    except JobError:
        return None


def _details(job: WebhookJob, wording: Wording, report: str | None) -> tuple[Fact, ...]:
    progress = f"{job.progress:.0%}" if job.progress is not None else None
    reason = _reason(job.failure, wording) if job.failure else None
    lines = (
        (wording.duration, _clock(job.duration_ms, wording) if job.duration_ms else None),
        (wording.report, report),
        (wording.progress, progress),
        (wording.reason, reason),
        (wording.job, str(job.id)),
    )
    return tuple(Fact(name=name, value=value) for name, value in lines if value)


def _reason(failure: Failure, wording: Wording) -> str:
    said, known = one_line(failure.message, LONGEST_REASON), wording.reasons.get(failure.code)
    return f"{known}（{said}）" if known else said


def _file(artifact: WebhookArtifact, wording: Wording) -> NoticeFile:
    made = artifact.state is ArtifactState.READY
    detail = (_size(artifact.size) if artifact.size is not None else "") if made else wording.not_made
    return NoticeFile(name=one_line(artifact.name), detail=detail, url=artifact.url if made else None)


def _clock(milliseconds: int, wording: Wording) -> str:
    minutes, seconds = divmod(max(1, round(milliseconds / 1000)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return wording.hours.format(hours=hours, minutes=minutes)
    return wording.minutes.format(minutes=minutes, seconds=seconds) if minutes else wording.seconds.format(seconds=seconds)


def _size(size: int) -> str:
    for unit, bytes_ in (("MB", 1000**2), ("kB", 1000)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}" if size < 10 * bytes_ else f"{size / bytes_:.0f} {unit}"
    return f"{size} B"
