from __future__ import annotations

import msgspec
import pytest

from services.reporter.analysis.claims import Claim, Draft
from services.reporter.blocks import Citation, Document, EvidenceList
from services.reporter.renderers import render
from services.reporter.renderers.markup import line
from shared.schemas.jobs import ArtifactFormat, ReportMode
from shared.schemas.reports import Cell, Report
from shared.schemas.solutions import Section, SectionFormat, SectionKind
from tests.evidencing import ACTION_COLUMNS, CHINESE_MEETING, MEETING, brief, cited, reported, section

SHIPPING = Claim(text="They do not ship on Friday.", sources=(cited(MEETING, 0, "We will not ship on Friday"),))
CONTRACT = Claim(
    text="{spk_B} sends the contract.",
    label="Who sends what?",
    sources=(cited(MEETING, 1, "I'll send the contract to John Miller"),),
)
LIE = Claim(text="The budget is $9 million.", sources=(cited(MEETING, 0, "the budget of three and a half million dollars"),))


def _section_text(file_format: ArtifactFormat, template: Section, *claims: Claim) -> str:
    """What stands between the section's heading and the next part."""
    _, document = reported(brief(MEETING, template), Draft(mode=ReportMode.LLM, claims={template.id: claims}))
    text = render(document, file_format).data.decode()
    heading = "## Points\n\n" if file_format is ArtifactFormat.MARKDOWN else "Points\n------\n\n"
    following = "\n\n## Speaking" if file_format is ArtifactFormat.MARKDOWN else "\n\nSpeaking time"
    return text.split(heading)[1].split(following)[0]


def _table(quote: str = "I'll send the contract to John Miller") -> tuple[Section, Claim]:
    cells = (Cell(column="task", text="Send | sign <b>it</b>"), Cell(column="owner", speaker_id="spk_B"), Cell(column="due"))
    template = section(kind=SectionKind.ACTIONS, form=SectionFormat.TABLE, columns=ACTION_COLUMNS)
    return template, Claim(text="", cells=cells, sources=(cited(MEETING, 1, quote),))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (SectionFormat.PARAGRAPH, "They do not ship on Friday. [^1] Ben Carter sends the contract. [^2]"),
        (SectionFormat.BULLETS, "- They do not ship on Friday. [^1]\n- Ben Carter sends the contract. [^2]"),
        (
            SectionFormat.TIMELINE,
            "- `00:00:00` They do not ship on Friday. [^1]\n"
            "- `00:00:10` **Who sends what?** Ben Carter sends the contract. [^2]",
        ),
        (
            SectionFormat.QA,
            "They do not ship on Friday. [^1]\n\n**Question: Who sends what?**\n\nBen Carter sends the contract. [^2]",
        ),
        (SectionFormat.TERMS, "They do not ship on Friday. [^1] · Ben Carter sends the contract. [^2]"),
    ],
)
def test_markdown_statements_lead_to_footnotes(form: SectionFormat, text: str) -> None:
    """In every format a section can have."""
    assert _section_text(ArtifactFormat.MARKDOWN, section(form=form), SHIPPING, CONTRACT) == text


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (SectionFormat.PARAGRAPH, "They do not ship on Friday. [00:00:00] Ben Carter sends the contract. [00:00:10]"),
        (SectionFormat.BULLETS, "- They do not ship on Friday. [00:00:00]\n- Ben Carter sends the contract. [00:00:10]"),
        (
            SectionFormat.TIMELINE,
            "[00:00:00] They do not ship on Friday.\n[00:00:10] Who sends what?: Ben Carter sends the contract.",
        ),
        (SectionFormat.TERMS, "They do not ship on Friday. [00:00:00] · Ben Carter sends the contract. [00:00:10]"),
    ],
)
def test_plain_statements_carry_their_moments(form: SectionFormat, text: str) -> None:
    """As they stand in the transcript, so that searching for one leads there."""
    assert _section_text(ArtifactFormat.TEXT, section(form=form), SHIPPING, CONTRACT) == text


def test_footnotes_carry_moment_speaker_and_words() -> None:
    """At the end of the page, under their heading, since that is where they are shown."""
    _, document = reported(brief(), Draft(mode=ReportMode.LLM, claims={"points": (SHIPPING, CONTRACT)}))
    assert (
        render(document, ArtifactFormat.MARKDOWN)
        .data.decode()
        .endswith(
            "## Evidence\n\n> The words that the statements above rest on, by their numbers.\n\n"
            "[^1]: `00:00:00` **Alice Wong** “We will not ship on Friday”\n\n"
            "[^2]: `00:00:10` **Ben Carter** “I'll send the contract to John Miller”\n"
        )
    )
    assert (
        "Evidence\n--------\n\nThe words that the statements above rest on, by their numbers.\n\n"
        "[00:00:00] Alice Wong: “We will not ship on Friday”\n"
        "[00:00:10] Ben Carter: “I'll send the contract to John Miller”\n\nTranscript\n"
    ) in render(document, ArtifactFormat.TEXT).data.decode()


def test_without_a_list_of_evidence_markdown_gives_the_moments() -> None:
    """A footnote that leads nowhere is never written."""
    _, document = reported(brief(), Draft(mode=ReportMode.LLM, claims={"points": (SHIPPING,)}))
    blocks = tuple(block for block in document.blocks if not isinstance(block, EvidenceList))
    text = render(msgspec.structs.replace(document, blocks=blocks), ArtifactFormat.MARKDOWN).data.decode()
    assert "- They do not ship on Friday. `00:00:00`\n" in text
    assert "[^" not in text


def test_doubtful_statements_say_why() -> None:
    """Apart, after a warning."""
    assert _section_text(ArtifactFormat.MARKDOWN, section(), SHIPPING, LIE) == (
        "- They do not ship on Friday. [^1]\n\n### Could not be verified\n\n"
        "> **The recording does not bear these statements out; do not rely on them unchecked.**\n\n"
        "- The budget is $9 million. [^2] *It gives an amount that was not said there.*"
    )
    assert _section_text(ArtifactFormat.TEXT, section(), SHIPPING, LIE) == (
        "- They do not ship on Friday. [00:00:00]\n\nCould not be verified\n\n"
        "! The recording does not bear these statements out; do not rely on them unchecked.\n\n"
        "- The budget is $9 million. [00:00:00] (It gives an amount that was not said there.)"
    )


def test_tables_hold_whatever_is_in_their_cells() -> None:
    """In Markdown as columns that nothing breaks; in plain text as labelled lines, which need no width."""
    template, row = _table()
    assert _section_text(ArtifactFormat.MARKDOWN, template, row) == (
        "| Task | Owner | Time |\n| --- | --- | --- |\n"
        r"| Send \| sign \<b\>it\</b\> | Ben Carter | `00:00:10`[^1] |"
    )
    assert _section_text(ArtifactFormat.TEXT, template, row) == (
        "- Task: Send | sign <b>it</b>\n  Owner: Ben Carter\n  [00:00:10]"
    )


def test_a_doubtful_row_says_why_even_where_it_rests_on_nothing() -> None:
    """The reason stands where the moment would."""
    template, row = _table()
    text = _section_text(ArtifactFormat.MARKDOWN, template, msgspec.structs.replace(row, sources=()))
    assert text.endswith(r"| Send \| sign \<b\>it\</b\> | Ben Carter | *It does not say what it rests on.* |")


def test_actions_are_a_list_to_tick() -> None:
    """In both formats."""
    template = section(kind=SectionKind.ACTIONS)
    assert _section_text(ArtifactFormat.MARKDOWN, template, CONTRACT) == "- [ ] Ben Carter sends the contract. [^1]"
    assert _section_text(ArtifactFormat.TEXT, template, CONTRACT) == "- [ ] Ben Carter sends the contract. [00:00:10]"


def test_quotations_stand_in_the_quotation_marks_of_the_language() -> None:
    """With whoever said it, and without a space between Chinese and its citation."""
    claim = Claim(text="我們不同意這個方案", sources=(cited(CHINESE_MEETING, 0, "我們不同意這個方案"),))
    about = brief(CHINESE_MEETING, section(form=SectionFormat.QUOTES), language="zh-Hant")
    _, document = reported(about, Draft(mode=ReportMode.LLM, claims={"points": (claim,)}))
    assert "> 「我們不同意這個方案。」 — **陳怡君** [^1]\n" in render(document, ArtifactFormat.MARKDOWN).data.decode()
    assert "- 「我們不同意這個方案。」 — 陳怡君[00:00:00]\n" in render(document, ArtifactFormat.TEXT).data.decode()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1. First", r"1\. First"),
        ("12) Twelfth", r"12\) Twelfth"),
        ("1.5 percent", "1.5 percent"),
        ("- minus", r"\- minus"),
        ("+ plus", r"\+ plus"),
        ("-5 degrees", "-5 degrees"),
        ("---", r"\---"),
        ("# not a heading", r"\# not a heading"),
        ("[^1] is no footnote", r"\[^1\] is no footnote"),
        ("<script>", r"\<script\>"),
        ("costs $5 or US$6", "costs $5 or US$6"),
        (r"$\alpha$ and", r"$\\alpha\$ and"),
    ],
)
def test_no_statement_becomes_markup_by_how_it_begins(text: str, written: str) -> None:
    """Neither a list, nor a rule, nor a formula, nor a footnote."""
    assert line(text) == written


def test_a_report_in_json_is_the_report_itself() -> None:
    """It decodes to what is stored, and each statement has a line of its own."""
    report, document = reported(brief(), Draft(mode=ReportMode.LLM, claims={"points": (SHIPPING, LIE)}, model="gpt-x"))
    data = render(document, ArtifactFormat.JSON).data
    assert msgspec.json.decode(data, type=Report) == report
    lines = data.decode().splitlines()
    assert [one.split('"')[3] for one in lines if one.startswith('{"text"')] == [SHIPPING.text, LIE.text]
    assert lines[1] == '"schema": "audio2txt.report/1",'


def test_a_scenario_of_sections_has_a_report_even_where_nobody_could_write() -> None:
    """The file holds what its name says."""
    _, document = reported(brief(), Draft(mode=ReportMode.LLM, claims={}))
    unwritten = msgspec.structs.replace(document, report=msgspec.structs.replace(document.report, sections=()))
    assert msgspec.json.decode(render(unwritten, ArtifactFormat.JSON).data, type=Report).sections == ()


@pytest.mark.parametrize("file_format", [ArtifactFormat.MARKDOWN, ArtifactFormat.TEXT, ArtifactFormat.JSON])
def test_a_repeat_gives_the_same_bytes(file_format: ArtifactFormat) -> None:
    """Nothing depends on the order of sets, the clock or chance."""

    def rendered() -> bytes:
        draft = Draft(mode=ReportMode.LLM, claims={"points": (SHIPPING, CONTRACT, LIE)})
        return render(reported(brief(), draft)[1], file_format).data

    assert rendered() == rendered()


def test_a_citation_of_every_number_has_its_footnote() -> None:
    """And nothing is a footnote that no statement cites."""
    _, document = reported(brief(), Draft(mode=ReportMode.LLM, claims={"points": (SHIPPING, CONTRACT, LIE)}))
    text = render(document, ArtifactFormat.MARKDOWN).data.decode()
    assert {text.count(f"[^{number}]") for number in _numbers(document)} == {2}


def _numbers(document: Document) -> set[int]:
    found: set[int] = set()

    def visit(value: object) -> None:
        if isinstance(value, Citation):
            found.add(value.number)
        elif isinstance(value, tuple):
            for one in value:
                visit(one)
        elif isinstance(value, msgspec.Struct):
            for name in value.__struct_fields__:
                visit(getattr(value, name))

    visit(document.blocks)
    return found
