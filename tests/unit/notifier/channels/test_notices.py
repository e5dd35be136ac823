"""What people are told, in both languages."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels import Message
from services.notifier.channels.notices import Notice, Tone, fitting, notice_of, one_line
from services.notifier.channels.wording import WORDINGS
from services.notifier.notifications import batch_body, endpoint_body, usage_body
from shared.schemas.endpoints import EventType
from shared.schemas.events import BatchCompleted, UsageResource, UsageThresholdReached
from shared.schemas.ids import new_id
from shared.schemas.jobs import ArtifactState, FileFormat, ReportLanguage
from shared.solutions import load_solutions
from tests.channels import FAILED, JOB, artifact, told
from tests.notifying import NOW

SOLUTIONS = load_solutions()


def notice(message: Message, language: ReportLanguage = "en") -> Notice:
    """By the shipped solutions."""
    return notice_of(message, language, SOLUTIONS)


def lines(notice: Notice) -> dict[str, str]:
    """Its facts by name."""
    return {fact.name: fact.value for fact in notice.facts}


def test_a_completed_job_in_english() -> None:
    """What it was, how long, which report, and the files with their sizes."""
    shown = notice(told())
    assert (shown.subject, shown.tone) == ("Ready: 週會：預算與人事", Tone.GOOD)
    assert lines(shown) == {
        "Recording": "週會：預算與人事",
        "Length": "1 h 02 min",
        "Report": "Meeting minutes",
        "Job": str(JOB),
    }
    assert [(file.name, file.detail) for file in shown.files] == [("minutes.pdf", "248 kB"), ("minutes.docx", "51 kB")]


def test_a_completed_job_in_chinese() -> None:
    """The same in the words of Taiwan."""
    shown = notice(told(), "zh-Hant")
    assert shown.subject == "已完成：週會：預算與人事"
    assert lines(shown) == {"錄音": "週會：預算與人事", "長度": "1 小時 02 分", "報告": "會議記錄", "工作編號": str(JOB)}


def test_a_failed_job_says_why() -> None:
    """In the sentence that the API gives."""
    shown = notice(told(EventType.JOB_FAILED, failure=FAILED, artifacts=(), title=None))
    assert (shown.subject, shown.tone) == ("Failed: Untitled recording", Tone.BAD)
    assert lines(shown)["Reason"] == FAILED.message


@pytest.mark.parametrize("language", list(WORDINGS))
@pytest.mark.parametrize("type_", [EventType.ENDPOINT_FAILING, EventType.ENDPOINT_DISABLED])
def test_an_endpoint_that_fails_is_named(language: ReportLanguage, type_: EventType) -> None:
    """With why, and nothing about a recording."""
    about = endpoint_body(type_, JOB, label="https://hooks.example/***", reason="timed_out", at=NOW)
    shown = notice(msgspec.structs.replace(told(), type=type_, body=about), language)
    assert [fact.value for fact in shown.facts] == ["https://hooks.example/***", "timed out"]
    assert (shown.title, shown.files, shown.url, shown.tone) == (None, (), None, Tone.BAD)


def test_files_that_could_not_be_made() -> None:
    """They are named, without a link."""
    failed = artifact("minutes.pdf", FileFormat.PDF, None, ArtifactState.FAILED)
    (file,) = notice(told(artifacts=(failed,))).files
    assert (file.detail, file.url) == ("could not be made", None)


def test_a_scenario_that_is_gone_is_left_out() -> None:
    """The operator may have taken it away since."""
    assert "Report" not in lines(notice(told(solution="gone_since")))


@pytest.mark.parametrize("language", list(WORDINGS))
@pytest.mark.parametrize("type_", sorted(set(EventType) - {EventType.USAGE_THRESHOLD, EventType.BATCH_COMPLETED}))
def test_every_type_has_its_words(type_: EventType, language: ReportLanguage) -> None:
    """Whatever an endpoint may listen to."""
    shown = notice(told(type_, progress=0.456), language)
    assert shown.subject
    assert shown.heading
    assert shown.sentence
    assert "{" not in shown.subject + shown.heading + shown.sentence


@pytest.mark.parametrize("resource", list(UsageResource))
@pytest.mark.parametrize("language", list(WORDINGS))
def test_usage_has_its_words(resource: UsageResource, language: ReportLanguage) -> None:
    """How much of what, with separators; all of it used is bad news; storage does not come back with the month."""
    event = UsageThresholdReached(
        tenant_id=new_id(),
        resource=resource,
        threshold=100,
        used="20000000000",
        limit="20000000000",
        month="2026-11",
        resets_at=NOW,
    )
    type_ = EventType.USAGE_THRESHOLD
    message = Message(id="msg_1", type=type_, sequence=None, occurred_at=NOW, body=usage_body(event))
    comes_back = msgspec.json.decode(message.body)["data"]["resets_at"]
    assert (comes_back is None) is (resource is UsageResource.STORAGE_BYTES)
    shown = notice(message, language)
    assert "100 %" in shown.subject
    assert "100 %" in shown.heading
    assert shown.tone is Tone.BAD
    assert "20,000,000,000 / 20,000,000,000" in lines(shown).values()
    assert len(lines(shown)) == (2 if resource is UsageResource.STORAGE_BYTES else 3)
    assert "{" not in shown.subject + shown.heading + shown.sentence


@pytest.mark.parametrize("language", list(WORDINGS))
@pytest.mark.parametrize(
    ("completed", "failed", "refused", "tone"),
    [(3, 0, 0, Tone.GOOD), (1, 1, 1, Tone.NEUTRAL), (0, 2, 1, Tone.BAD), (0, 0, 0, Tone.NEUTRAL)],
)
def test_a_batch_has_its_words(language: ReportLanguage, completed: int, failed: int, refused: int, tone: Tone) -> None:
    """Its title and how many ended how, without the ways in which none did; bad news is that nothing came of it at all."""
    event = BatchCompleted(
        tenant_id=new_id(),
        batch_id=new_id(),
        title="Archive\n1998",
        size=3,
        completed=completed,
        failed=failed,
        cancelled=3 - completed - failed - refused,
        refused=refused,
        deleted=0,
        created_at=NOW,
        ended_at=NOW,
    )
    type_, body = EventType.BATCH_COMPLETED, batch_body(event, public_url="https://a2t.example/")
    shown = notice(Message(id="msg_1", type=type_, sequence=None, occurred_at=NOW, body=body), language)
    assert shown.subject.endswith("Archive 1998")
    assert shown.tone is tone
    wording = WORDINGS[language]
    counted = {
        wording.recordings: 3,
        wording.completed: completed,
        wording.failed: failed,
        wording.cancelled: 3 - completed - failed - refused,
        wording.refused: refused,
    }
    told = {name: str(count) for name, count in counted.items() if count}
    assert lines(shown) == {wording.batch: "Archive 1998", **told}
    assert (shown.url, shown.opening) == (f"https://a2t.example/v1/batches/{event.batch_id}", wording.open_batch)
    assert "{" not in shown.subject + shown.heading + shown.sentence


def test_both_languages_fill_in_the_same() -> None:
    """A translation that forgets a placeholder, or makes one up, would show it to a customer."""
    english, chinese = (msgspec.to_builtins(WORDINGS[language]) for language in ("en", "zh-Hant"))
    for field, text in english.items():
        if isinstance(text, str):
            assert set(text) & set("{}") == set(chinese[field]) & set("{}"), field


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nBcc: b@example.com", "a Bcc: b@example.com"),
        ("  週\u3000會\t\n", "週 會"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("👩\u200d💻 \u200bx\ufeff", "👩\u200d💻 x"),
        ("\x00\x1b[31mred", "[31mred"),
        ("長" * 200, "長" * 119 + "…"),
    ],
)
def test_titles_from_outside_become_one_plain_line(text: str, shown: str) -> None:
    """No line breaks, no control characters, no tricks of direction; emoji and every script stay."""
    assert one_line(text) == shown


@given(st.text())
def test_any_title_fits_on_a_line(text: str) -> None:
    """Whatever customers call their recordings."""
    shown = one_line(text)
    assert len(shown) <= 120
    assert len(shown.splitlines()) <= 1
    assert shown == shown.strip()


def test_what_does_not_fit_ends_between_lines() -> None:
    """A link cut in half leads nowhere."""
    assert fitting(["aaaa", "bbbb", "cccc"], 12) == "aaaa\nbbbb\n…"
    assert fitting(["aaaa", "bbbb"], 12) == "aaaa\nbbbb"
