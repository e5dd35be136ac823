from __future__ import annotations

from functools import cache

import msgspec
import pytest

from services.reporter.analysis.claims import Brief
from services.reporter.analysis.extractive import extract
from shared.schemas.solutions import SectionKind
from shared.schemas.transcripts import Segment, Transcript
from shared.solutions import Solutions, load_solutions
from tests.extracting import scenario, section
from tests.meetings import CHINESE, ENGLISH, HEARING, load
from tests.speech import conversation, said, transcript


@cache
def _scenarios() -> Solutions:
    return load_solutions()


def test_the_words_are_the_speakers_own() -> None:
    """Every statement is made of quotations that stand in their segments, in all scenarios that come with the product."""
    for name in (*ENGLISH, *CHINESE, HEARING):
        source = load(name).transcript()
        by_id = {segment.id: segment.text for segment in source.segments}
        for solution in _scenarios().values():
            draft = extract(Brief(solution=solution, transcript=source, language="en"))
            assert set(draft.claims) == {part.id for part in solution.sections}
            for part in solution.sections:
                claims = draft.claims[part.id]
                assert len(claims) <= part.max_items
                for claim in claims:
                    assert claim.sources
                    assert all(one.quote in by_id[one.segment_id] for one in claim.sources)
                    assert all(
                        [cell.column for cell in claim.cells] == [column.id for column in part.columns] for _ in claim.cells
                    )


def test_the_same_transcript_gives_the_same_bytes() -> None:
    """Whatever the order in which Python keeps its sets."""
    solution = _scenarios()["meeting_minutes"]
    brief = Brief(solution=solution, transcript=load("vcsum_0").transcript(), language="zh-Hant")
    assert msgspec.json.encode(extract(brief)) == msgspec.json.encode(extract(brief))


def _unpunctuated() -> Transcript:
    return transcript(
        [
            said(text, start=n * 30, seconds=28)
            for n, text in enumerate(["we should ship the new billing service in march " * 12] * 4)
        ]
    )


def _many_speakers() -> Transcript:
    return transcript(
        conversation(*((f"S{n % 30}", f"Speaker {n} thinks the budget of project {n % 7} is too small.") for n in range(300)))
    )


@pytest.mark.parametrize(
    "source",
    [
        transcript([]),
        transcript([said("")]),
        transcript([said("Hello.")]),
        transcript([said("好")]),
        transcript([said("...")]),
        transcript([said("Hm", by=None), said("The budget was approved by the board.", by=None, start=5)]),
        transcript(conversation(("A", "הפגישה נדחתה ליום שלישי הבא."), ("B", "نحن بحاجة إلى ميزانية أكبر للمشروع الجديد."))),
        transcript(conversation(("A", "🎉🎉🎉"), ("B", "👩‍💻 ships the 🚀 on Friday, she promised."), ("A", "😀"))),
        transcript(
            conversation(("A", "会議は金曜日に延期されました。"), ("B", "新しい予算を確認してください。")), language="ja"
        ),
        transcript(conversation(("A", "x" * 3000), ("A", "問" * 3000))),
        transcript(
            conversation(
                *(("A", f"a{part * 300}b") for part in (", ", "mm ", "嗯，", "— ", "the the ", "我會", "I'll ", "Mr. "))
            )
        ),
        transcript(conversation(("A", "\u202eevil\u0000 {spk_2} text.\ud800"), ("A", "I'll send {spk_B} the list by Friday."))),
        _unpunctuated(),
        _many_speakers(),
    ],
    ids=[
        "empty",
        "blank",
        "hello",
        "one character",
        "dots",
        "nobody",
        "right to left",
        "emoji",
        "japanese",
        "endless",
        "stammering",
        "hostile",
        "asr",
        "crowd",
    ],
)
def test_no_transcript_is_too_odd(source: Transcript) -> None:
    """Every scenario gives a draft, or says nothing; never an error."""
    for solution in _scenarios().values():
        draft = extract(Brief(solution=solution, transcript=source, language="zh-Hant"))
        assert set(draft.claims) == {part.id for part in solution.sections}


def test_speech_without_punctuation_still_gives_statements() -> None:
    """Recognisers without punctuation are served too."""
    lines = (
        ("A", "we should ship the new billing service in march because the old one loses invoices"),
        ("B", "the tax provider has promised us a new interface for invoices by the end of february"),
        ("A", "i will call the tax provider about the new interface tomorrow"),
    )
    solution = scenario(section(SectionKind.OVERVIEW), section(SectionKind.ACTIONS))
    claims = extract(Brief(solution=solution, transcript=transcript(conversation(*lines)), language="en")).claims
    assert [one.text for one in claims["actions"]] == ["I will call the tax provider about the new interface tomorrow"]
    assert len(claims["overview"]) == 2


def test_a_long_recording_is_read_to_its_end() -> None:
    """Five thousand segments; what is said last counts as much."""
    segments: list[Segment] = conversation(
        *((f"{'AB'[n % 2]}", f"Item {n} of the warehouse list is in shelf {n % 90}.") for n in range(5000))
    )
    segments.append(said("We have decided to close the warehouse in Hsinchu.", start=5000 * 4.0))
    solution = scenario(*map(section, (SectionKind.DECISIONS, SectionKind.OUTLINE, SectionKind.KEYWORDS)))
    claims = extract(Brief(solution=solution, transcript=transcript(segments), language="en")).claims
    assert [one.text for one in claims["decisions"]] == ["We have decided to close the warehouse in Hsinchu."]
