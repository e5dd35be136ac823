from __future__ import annotations

import datetime as dt
from typing import TypeVar

import msgspec
import pytest

from services.reporter.analysis.claims import Brief, Claim, Draft
from services.reporter.blocks import (
    Block,
    Break,
    Bullets,
    Dialogue,
    Document,
    EvidenceList,
    FactCards,
    Fields,
    Heading,
    Mark,
    Notice,
    Prose,
    Questions,
    Quotes,
    Table,
    TalkTime,
    Terms,
    Timeline,
)
from services.reporter.document import compose
from shared.schemas.jobs import ReportMode
from shared.schemas.reports import Cell, Doubt, InputValue, SpeakerRole
from shared.schemas.solutions import Appendix, EvidencePolicy, LocalisedText, SectionFormat, SectionKind, TranscriptAppendix
from shared.schemas.transcripts import Transcript
from tests.evidencing import ACTION_COLUMNS, CHINESE_MEETING, MEETING, brief, cited, reported, section

SHIPPING = Claim(
    text="{spk_A} says that they do not ship on Friday.", sources=(cited(MEETING, 0, "We will not ship on Friday"),)
)
BUDGET = Claim(
    text="The budget is $3.5 million.", sources=(cited(MEETING, 0, "the budget of three and a half million dollars is spent"),)
)
CONTRACT = Claim(text="{spk_B} sends the contract.", sources=(cited(MEETING, 1, "I'll send the contract to John Miller"),))
LIE = Claim(text="{spk_9} pays $9.", sources=(cited(MEETING, 0, "the budget of three and a half million dollars is spent"),))


def _document(*claims: Claim, about: Brief | None = None, mode: ReportMode = ReportMode.LLM, **changes: object) -> Document:
    draft = Draft(mode=mode, claims={"points": claims}, model="gpt-x" if mode is ReportMode.LLM else None)
    return reported(about or brief(), msgspec.structs.replace(draft, **changes))[1]


_T = TypeVar("_T")


def _all(document: Document, kind: type[_T]) -> list[_T]:
    return [block for block in document.blocks if isinstance(block, kind)]


def _texts(document: Document) -> list[str]:
    return [block.text for block in _all(document, Notice)]


def test_a_report_is_laid_out_from_the_figures_to_the_appendices() -> None:
    """The evidence and the transcript follow as appendices, and the warning to check it all is last."""
    document = _document(SHIPPING)
    kinds = [type(block) for block in document.blocks]
    assert kinds == [
        FactCards, Notice, Notice, Heading, Bullets, Heading, TalkTime,
        Heading, Notice, EvidenceList, Break, Heading, Dialogue, Notice,
    ]  # fmt: skip
    assert [block.text for block in _all(document, Heading)] == ["Points", "Speaking time", "Evidence", "Transcript"]
    assert document.kind == "Interview"


def test_citations_are_numbered_through_the_document() -> None:
    """Whoever is cited again keeps the number; the list of evidence has each once, with the words and their speaker."""
    document = _document(SHIPPING, CONTRACT, msgspec.structs.replace(SHIPPING, text="No shipping on Friday, {spk_A} says."))
    [bullets] = _all(document, Bullets)
    assert [[one.number for one in statement.citations] for statement in bullets.statements] == [[1], [2], [1]]
    [evidence] = _all(document, EvidenceList)
    assert [(one.number, one.voice and one.voice.name, one.quote) for one in evidence.entries] == [
        (1, "Alice Wong", "We will not ship on Friday"),
        (2, "Ben Carter", "I'll send the contract to John Miller"),
    ]
    assert evidence.entries[1].start_ms == bullets.statements[1].citations[0].start_ms == 10_000


def test_speakers_are_named_as_the_transcript_names_them_now() -> None:
    """A rename after the report was written shows everywhere; an unknown speaker is nobody."""
    renamed = msgspec.structs.replace(
        MEETING, speakers=tuple(msgspec.structs.replace(one, name=f"Dr. {one.label}") for one in MEETING.speakers)
    )
    document = _document(SHIPPING, LIE, about=brief(renamed))
    sound, doubted = _all(document, Bullets)
    assert sound.statements[0].text == "Dr. A says that they do not ship on Friday."
    assert doubted.statements[0].text == "Unknown speaker pays $9."


def test_a_chinese_name_stands_in_a_chinese_sentence_without_spaces() -> None:
    """Whatever spaces a model put around its placeholder; a Latin name keeps them."""
    claim = Claim(
        text="由 {spk_B} 寄出合約，{spk_A} 知悉。", sources=(cited(CHINESE_MEETING, 1, "我會在十一月三十號以前把合約寄"),)
    )
    [bullets] = _all(_document(claim, about=brief(CHINESE_MEETING, language="zh-Hant")), Bullets)
    assert bullets.statements[0].text == "由李大同寄出合約，陳怡君知悉。"
    latin = msgspec.structs.replace(CHINESE_MEETING, speakers=MEETING.speakers)
    [bullets] = _all(_document(claim, about=brief(latin, language="zh-Hant")), Bullets)
    assert bullets.statements[0].text == "由 Ben Carter 寄出合約，Alice Wong 知悉。"


def test_what_could_not_be_verified_stands_apart_with_its_reasons() -> None:
    """Under a heading of the second level, after a warning, each with what speaks against it."""
    document = _document(SHIPPING, LIE)
    heading = next(block for block in _all(document, Heading) if block.level == 2)
    place = document.blocks.index(heading)
    warning, bullets = document.blocks[place + 1 : place + 3]
    assert heading.text == "Could not be verified"
    assert isinstance(warning, Notice)
    assert warning.warning
    assert isinstance(bullets, Bullets)
    assert bullets.statements[0].mark is Mark.DOUBTED
    assert bullets.statements[0].doubt == (
        "It names somebody who neither speaks nor is mentioned. It gives an amount that was not said there."
    )


def test_dropped_statements_are_counted_in_words() -> None:
    """Nothing of them is shown."""
    document = _document(SHIPPING, LIE, about=brief(MEETING, section(policy=EvidencePolicy.DROP)))
    assert "Statements left out because they could not be verified: 1." in _texts(document)
    assert len(_all(document, Bullets)) == 1


def test_doubtful_statements_that_may_stay_are_marked() -> None:
    """In place, with the reason."""
    [bullets] = _all(_document(LIE, about=brief(MEETING, section(policy=EvidencePolicy.PREFERRED))), Bullets)
    assert bullets.statements[0].mark is Mark.DOUBTED
    assert bullets.statements[0].doubt


def test_unchecked_sections_say_so() -> None:
    """Save where code chose the sentences, which are true by construction."""
    about = brief(MEETING, section(policy=EvidencePolicy.NONE))
    sentence = "The statements of this section were not checked against the recording."
    assert sentence in _texts(_document(LIE, about=about))
    assert sentence not in _texts(_document(SHIPPING, about=about, mode=ReportMode.EXTRACTIVE))


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (ReportMode.EXTRACTIVE, "Extracted word for word from the recording by code; nothing was rewritten or summarised."),
        (ReportMode.LLM, "Written by the language model gpt-x; every statement was checked against the recording by code."),
        (ReportMode.PROVIDER, "Taken over from the speech engine scripted s1 and checked against the recording by code."),
    ],
)
def test_the_reader_is_told_who_wrote_it(mode: ReportMode, text: str) -> None:
    """Before everything else that is written."""
    assert _texts(_document(SHIPPING, mode=mode))[0] == text


def test_the_coverage_is_always_told() -> None:
    """Also when everything was read; what the writer did not see is a warning."""
    assert "Based on 0:00–0:50 of 0:50: the whole recording." in _texts(_document())
    document = _document(unread=(MEETING.segments[2].id, MEETING.segments[3].id), notes=("llm_part_missing",))
    warnings = [block.text for block in _all(document, Notice) if block.warning]
    assert warnings == [
        "Based on 3 of 5 passages, without a gap up to 0:20 of 0:50: the rest is not fully covered.",
        "The language model left a part of the recording unanswered; the coverage says which.",
    ]


def test_every_doubt_and_mode_has_words_in_every_language() -> None:
    """No code reaches a reader."""
    from services.reporter.labels import LABELS

    for labels in LABELS:
        assert labels.doubts.keys() == set(map(str, Doubt))
        assert "7" in labels.covers_passages.format(start=1, through=2, duration=3, used=7, total=9)
        assert {"items_left_out", "checked_across_languages"} <= labels.notes.keys()


def test_the_report_speaks_its_own_language() -> None:
    """Labels, dates and template are those of the report, whatever was spoken."""
    document = _document(SHIPPING, about=brief(language="zh-Hant", inputs={"matter": "2026-117", "held": "2026-11-20"}))
    assert document.details == (("日期", "2026 年 11 月 22 日"), ("語言", "英語"), ("語音引擎", "scripted s1"))
    assert document.kind == "訪談"
    [filled_in] = _all(document, Fields)
    assert [(one.label, one.text) for one in filled_in.statements] == [("案號", "2026-117"), ("日期", "2026 年 11 月 20 日")]


def test_roles_say_whether_somebody_confirmed_them() -> None:
    """Those who play one part stand in one line."""
    roles = tuple(
        SpeakerRole(speaker_id=f"spk_{label}", role=role, title="?", source=source)
        for label, role, source in (("A", "lawyer", "user"), ("B", "client", "llm"), ("C", "client", "cues"))
    )
    [filled_in] = _all(_document(SHIPPING, roles=roles), Fields)
    assert [(one.label, one.text) for one in filled_in.statements] == [
        ("Lawyer", "Alice Wong"),
        ("Client", "Ben Carter (assumed), Speaker C (assumed)"),
    ]


def test_whoever_speaks_in_a_part_is_told_from_whom_the_customer_filled_in() -> None:
    """The two may bear the same name: the client of the matter, and who speaks as the client."""
    written = _document(SHIPPING, roles=(SpeakerRole(speaker_id="spk_B", role="client", title="?", source="cues"),))
    report = msgspec.structs.replace(written.report, inputs=(InputValue(id="client", label="Client", value="Carter Ltd."),))
    [filled_in] = _all(compose(report, MEETING, written.solution), Fields)
    assert [(one.label, one.text) for one in filled_in.statements] == [
        ("Client", "Carter Ltd."),
        ("Client (Speaker)", "Ben Carter (assumed)"),
    ]
    report = msgspec.structs.replace(written.report, inputs=(InputValue(id="client", label="Client", value="Ben Carter"),))
    [filled_in] = _all(compose(report, MEETING, written.solution), Fields)
    assert [(one.label, one.text) for one in filled_in.statements] == [("Client", "Ben Carter")]


@pytest.mark.parametrize(
    ("form", "block"),
    [
        (SectionFormat.PARAGRAPH, Prose),
        (SectionFormat.BULLETS, Bullets),
        (SectionFormat.TIMELINE, Timeline),
        (SectionFormat.QA, Questions),
        (SectionFormat.TERMS, Terms),
    ],
)
def test_each_format_has_its_block(form: SectionFormat, block: type[Block]) -> None:
    """With text, headline and citations."""
    claim = msgspec.structs.replace(CONTRACT, label="Send the contract?")
    [found] = _all(_document(claim, about=brief(MEETING, section(form=form))), block)
    assert isinstance(found, Prose | Bullets | Timeline | Questions | Terms)
    assert [(one.label, one.text) for one in found.statements] == [("Send the contract?", "Ben Carter sends the contract.")]
    assert found.statements[0].citations[0].segment_id == MEETING.segments[1].id


def test_quotations_name_who_said_them() -> None:
    """In the words of the transcript."""
    [quotes] = _all(_document(SHIPPING, BUDGET, about=brief(MEETING, section(form=SectionFormat.QUOTES))), Bullets)
    assert len(quotes.statements) == 2  # Neither was said like that, so they are no quotations.
    said = Claim(text="i’ll send the contract", sources=(cited(MEETING, 1, "I'll send the contract to John Miller"),))
    [found] = _all(_document(said, about=brief(MEETING, section(form=SectionFormat.QUOTES))), Quotes)
    assert [(one.text, one.voice and one.voice.name) for one in found.statements] == [("I'll send the contract", "Ben Carter")]


def test_a_timeline_follows_the_recording() -> None:
    """In whichever order its statements were written."""
    [timeline] = _all(_document(CONTRACT, SHIPPING, about=brief(MEETING, section(form=SectionFormat.TIMELINE))), Timeline)
    assert [one.citations[0].start_ms for one in timeline.statements] == [0, 10_000]


def _row(source: Transcript, quote: str, *, due: str, day: dt.date | None = None) -> Claim:
    cells = (Cell(column="due", text=due, date=day), Cell(column="owner", speaker_id="spk_B"))
    return Claim(text="", cells=cells, sources=(cited(source, 1, quote),))


def test_rows_name_speakers_and_days() -> None:
    """In the order of the columns; a calendar date stands beside the words it was said in."""
    template = section(kind=SectionKind.ACTIONS, form=SectionFormat.TABLE, columns=ACTION_COLUMNS)
    row = _row(MEETING, "I'll send the contract to John Miller", due="by November thirtieth", day=dt.date(2026, 11, 30))
    document = _document(row, about=brief(MEETING, template, inputs={"held": "2026-11-22"}))
    [table] = _all(document, Table)
    assert [cell.text for cell in table.rows[0].cells] == ["Ben Carter", "by November thirtieth (30 November 2026)"]
    assert table.rows[0].cells[0].voice == document.voices["spk_B"]
    [cards] = _all(document, FactCards)
    assert ("Points", "1") in cards.facts


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("by November 30th, 2026", "by November 30th, 2026"),
        ("by 30/11/2026", "by 30/11/2026 (30 November 2026)"),
        ("in 2026, by the end of November", "in 2026, by the end of November (30 November 2026)"),
    ],
)
def test_a_day_that_was_said_in_full_is_not_said_again(said: str, shown: str) -> None:
    """Save where its numbers might be read in another order."""
    template = section(kind=SectionKind.ACTIONS, form=SectionFormat.TABLE, columns=ACTION_COLUMNS)
    row = _row(MEETING, "I'll send the contract to John Miller", due=said, day=dt.date(2026, 11, 30))
    [table] = _all(_document(row, about=brief(MEETING, template, inputs={"held": "2026-11-22"})), Table)
    assert table.rows[0].cells[1].text == shown


def test_a_column_in_which_no_row_says_anything_is_left_out() -> None:
    """One that a single row fills stays, for all rows."""
    template = section(kind=SectionKind.ACTIONS, form=SectionFormat.TABLE, columns=ACTION_COLUMNS)
    source = cited(MEETING, 1, "I'll send the contract to John Miller")
    owned = Claim(text="", cells=(Cell(column="owner", speaker_id="spk_B"),), sources=(source,))
    told = Claim(text="", cells=(Cell(column="task", text="send the contract"),), sources=(source,))
    [table] = _all(_document(owned, told, about=brief(MEETING, template)), Table)
    assert table.columns == ("Task", "Owner")
    assert [[cell.text for cell in row.cells] for row in table.rows] == [["", "Ben Carter"], ["send the contract", ""]]


def test_fields_are_named_after_their_columns() -> None:
    """Each line has its value and citations; an empty one is left out."""
    template = section(form=SectionFormat.FIELDS, columns=ACTION_COLUMNS)
    row = _row(CHINESE_MEETING, "我會在十一月三十號以前把合約寄給王小明", due="十一月三十號以前")
    [fields] = _all(_document(row, about=brief(CHINESE_MEETING, template, language="zh-Hant")), Fields)
    assert [(one.label, one.text, len(one.citations)) for one in fields.statements] == [
        ("負責人", "李大同", 1),
        ("期限", "十一月三十號以前", 1),
    ]


def test_decisions_and_actions_are_marked_and_offered_as_candidates_by_code() -> None:
    """Code found them by their wording; a model is taken to have understood."""
    for kind, mark in ((SectionKind.DECISIONS, Mark.DECISION), (SectionKind.ACTIONS, Mark.ACTION)):
        about = brief(MEETING, section(kind=kind))
        [bullets] = _all(_document(CONTRACT, about=about), Bullets)
        assert bullets.statements[0].mark is mark
        candidates = "Found by their wording, and so perhaps incomplete; check them."
        assert candidates in _texts(_document(CONTRACT, about=about, mode=ReportMode.EXTRACTIVE))
        assert candidates not in _texts(_document(CONTRACT, about=about))


def test_an_empty_section_keeps_its_heading() -> None:
    """So that nobody takes it for forgotten."""
    document = _document()
    assert "Points" in [block.text for block in _all(document, Heading)]
    assert "Not mentioned in the recording." in _texts(document)
    assert not _all(document, EvidenceList)


def test_a_scenario_decides_on_its_appendices() -> None:
    """Transcript, talk time and a note of its own."""
    note: LocalisedText = {"en": "Privileged and confidential.", "zh-Hant": "機密。"}
    bare = Appendix(transcript=TranscriptAppendix.NONE, speaker_stats=False, note=note)
    document = _document(SHIPPING, about=brief(appendix=bare))
    assert not [*_all(document, Dialogue), *_all(document, TalkTime)]
    assert _texts(document)[-2:] == [
        "Privileged and confidential.",
        "Generated by speech recognition; check it against the recording before relying on it.",
    ]
