"""Scenario templates: the shipped ones are whole, and a mistake in an operator's file is named with its place."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from shared.errors import ConfigurationError, JobError
from shared.schemas.jobs import ArtifactFormat, ReportMode
from shared.schemas.solutions import REPORT_LANGUAGES, SectionFormat, Solution
from shared.solutions import examine, files, files_of, find, load_solutions
from shared.solutions.schema import json_schema

SHIPPED = Path(files.__file__).with_name("scenarios")
SCHEMA = Path(files.__file__).with_name("solutions.schema.json")

GOOD = """\
schema: audio2txt.solutions/1
solutions:
  - id: site_visit
    version: 1
    aliases: [visit]
    title: {zh-Hant: 工地訪查, en: Site visit}
    description: {zh-Hant: 工地訪查記錄。, en: A record of a visit to a building site.}
    roles:
      - {id: builder, label: {zh-Hant: 工地主任, en: Site manager}}
    sections:
      - id: defects
        title: {zh-Hant: 缺失, en: Defects}
        speaker_roles: [builder]
      - id: tasks
        title: {zh-Hant: 改善事項, en: Remedies}
        kind: actions
        format: table
        columns:
          - {id: task, title: {zh-Hant: 事項, en: Task}}
    artifacts: [pdf, docx]
"""


def mistakes_of(tmp_path: Path, text: str) -> list[str]:
    """What is found wrong with a file, as `line: key: …`."""
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return [str(mistake).removeprefix(f"{path}:") for mistake in examine([path]).mistakes]


def changed(old: str, new: str) -> str:
    """The good file with one thing changed."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def texts_of(value: object) -> list[dict[str, object]]:
    """Everything in a solution that stands in several languages."""
    match value:
        case dict():
            return [value]
        case tuple():
            return [text for part in value for text in texts_of(part)]
        case msgspec.Struct():
            return [text for field in value.__struct_fields__ for text in texts_of(getattr(value, field))]
        case _:
            return []


@pytest.mark.parametrize("solution", load_solutions().values(), ids=lambda solution: solution.id)
def test_a_shipped_scenario_reads_well_in_both_languages(solution: Solution) -> None:
    """Each text is there twice, the Chinese one in Chinese and the English one without a Chinese character."""
    for text in texts_of(msgspec.structs.replace(solution, transcription=msgspec.UNSET)):
        if not text:
            continue
        assert set(text) == set(REPORT_LANGUAGES), text
        said = {language: " ".join(part) if isinstance(part, tuple) else str(part) for language, part in text.items()}
        assert re.search(r"[\u4e00-\u9fff]", said["zh-Hant"]) or said["zh-Hant"].isdecimal(), text
        assert not re.search(r"[\u3000-\u9fff\uff00-\uffef]", said["en"]), text


@pytest.mark.parametrize("solution", load_solutions().values(), ids=lambda solution: solution.id)
def test_a_shipped_scenario_can_be_written_by_code_and_by_models(solution: Solution) -> None:
    """Models are told what to write; code finds statements by cues, save where the kind of section needs none."""
    assert ArtifactFormat.PDF in solution.artifacts
    assert ArtifactFormat.DOCX in solution.artifacts
    for section in solution.sections:
        assert section.instruction is not None, section.id
        assert section.cues or section.kind in ("outline", "keywords"), section.id
        assert section.empty is not None or section.kind in ("overview", "outline", "keywords", "quotes", "points"), section.id
        if section.format is SectionFormat.TABLE:
            assert len(section.columns) >= 2, section.id


def test_the_scenarios_of_the_original_are_found_by_their_old_names() -> None:
    """Whoever comes from it need not change a word; what has no counterpart is unknown."""
    solutions = load_solutions()
    old = {
        "business_meeting": "meeting_minutes",
        "interview_podcast": "podcast",
        "lecture_course": "lecture",
        "universal_summary": "universal_summary",
        "quick_summary": "concise_minutes",
        "action_items": "action_items",
        "legal_consultation": "legal_consultation",
        "client_interview": "client_interview",
        "executive_meeting": "executive_decisions",
        "meeting_minutes": "meeting_minutes",
        "concise_minutes": "concise_minutes",
        "verbatim": "verbatim",
    }
    assert {name: find(solutions, name).id for name in old} == old
    assert len(solutions) == 10
    with pytest.raises(JobError, match="no solution 'poetry'; this installation has: action_items, client_interview"):
        find(solutions, "poetry")


def test_confidences_stay_in_the_house() -> None:
    """What clients tell lawyers and consultants is read by no language model outside unless somebody allows it."""
    closed = {id_ for id_, solution in load_solutions().items() if not solution.privacy.allow_cloud_llm}
    assert closed == {"legal_consultation", "client_interview"}


def test_a_transcript_without_report_is_written_by_nobody() -> None:
    """Modes are for sections."""
    solutions = load_solutions()
    assert solutions["verbatim"].writers == ()
    assert solutions["lecture"].writers == (ReportMode.LLM, ReportMode.EXTRACTIVE, ReportMode.PROVIDER)


def test_the_operators_scenarios_add_to_the_shipped_ones(tmp_path: Path) -> None:
    """From one file or from all of a folder; other files in it are none of ours."""
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.yml").write_text(GOOD.replace("site_visit", "second").replace("visit]", "other]"), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no YAML", encoding="utf-8")
    assert set(load_solutions(str(tmp_path / "a.yaml"))) == {*load_solutions(), "site_visit"}
    assert set(load_solutions(str(tmp_path))) == {*load_solutions(), "site_visit", "second"}


def test_a_shipped_scenario_is_replaced_by_a_higher_version_only(tmp_path: Path) -> None:
    """An update of Audio2txt that overtakes it is noticed, and not decided for the operator."""
    path = tmp_path / "own.yaml"
    path.write_text(GOOD.replace("site_visit", "podcast").replace("version: 1", "version: 1000"), encoding="utf-8")
    replaced = load_solutions(str(path))
    assert (replaced["podcast"].title["en"], len(replaced)) == ("Site visit", 10)
    with pytest.raises(JobError):
        find(replaced, "interview_podcast")
    [mistake] = mistakes_of(tmp_path, GOOD.replace("site_visit", "podcast"))
    assert mistake == (
        "4: solutions[0].version: `podcast` comes with Audio2txt in version 1; give a higher one to replace it, or "
        "choose another id"
    )


@pytest.mark.parametrize(
    ("text", "at", "mistake"),
    [
        ("", "", "the file is empty; begin it with `schema: audio2txt.solutions/1`"),
        ("schema: x\n  y: z\n", "y: z", "this is not YAML: mapping values are not allowed in this context"),
        ("schema: x\n", "x", "schema: `x` is not known; there are: audio2txt.solutions/1"),
        ("schema: audio2txt.solutions/1\n", "", "solutions: this key is missing; add it"),
        (GOOD + "colour: blue\n", "colour", "colour: there is no such key here; there are: schema, solutions"),
        (
            changed("- id: defects", "- id: defects\n        titel: x"),
            "titel",
            "…sections[0].titel: there is no such key here; did you",
        ),
        (
            changed("        title: {zh-Hant: 缺失, en: Defects}\n", ""),
            "- id: def",
            "…sections[0].title: this key is missing; add it",
        ),
        (
            changed("en: Defects", "en: no"),
            "缺失",
            "…sections[0].title.en: this must be text, not true or false; put it in quotes",
        ),
        (
            changed("缺失, en: Defects", "缺失"),
            "缺失",
            "…sections[0].title: en is missing; every text stands in zh-Hant and en",
        ),
        (
            changed("en: Defects", "de: Mängel"),
            "缺失",
            "…sections[0].title.de: there is no such key here; there are: zh-Hant, en",
        ),
        (
            changed("en: Defects", "en: ' '"),
            "缺失",
            "…sections[0].title.en: this is blank; write something or leave the key out",
        ),
        (changed("en: Defects", "en: 'Of {date}'"), "缺失", "…sections[0].title.en: `{date}` would stand there as it is"),
        (changed("en: Defects", 'en: "a\\nb"'), "缺失", "…sections[0].title.en: this must be a single line"),
        (changed("kind: actions", "kind: action"), "kind", "…sections[1].kind: `action` is not known; did you mean `actions`?"),
        (
            changed("format: table", "format: qa"),
            "format",
            "…sections[1].format: a section of actions cannot be set as qa; choose",
        ),
        (
            changed("format: table", "format: bullets"),
            "columns",
            "…sections[1].columns: only table and fields have columns, not bul",
        ),
        (
            changed("        columns:\n          - {id: task, title: {zh-Hant: 事項, en: Task}}\n", ""),
            "- id: tasks",
            "…sections[1].columns: a section set as table needs at least one; add it",
        ),
        (changed("id: tasks", "id: defects"), "defects", "…sections[1].id: `defects` stands here twice; ids are unique"),
        (
            changed("[builder]", "[boss]"),
            "[boss]",
            "…sections[0].speaker_roles[0]: there is no role `boss`; there are: builder",
        ),
        (changed("[visit]", "[visit, visit]"), "aliases", "…aliases[1]: `visit` stands here twice; keep one of them"),
        (changed("[visit]", "[site_visit]"), "aliases", "…aliases: `site_visit` is the solution's own id; leave it out"),
        (changed("[visit]", "[podcast]"), "aliases", "…aliases[0]: `podcast` is both an id and an alias; rename it"),
        (
            changed("[visit]", "[quick_summary]"),
            "aliases",
            "…aliases[0]: `quick_summary` is an alias of `concise_minutes` already",
        ),
        (changed("id: site_visit", "id: quick_summary"), "quick", "…id: `quick_summary` is both an id and an alias; rename it"),
        (
            changed("id: site_visit", "id: Site-Visit"),
            "Site-Visit",
            "…id: `Site-Visit` is not accepted; ids are lower-case letters",
        ),
        (changed("version: 1", "version: '1'"), "version", "…version: this must be a whole number, not text"),
        (changed("version: 1", "version: 0"), "version", "…version: this must be at least 1"),
        (changed("version: 1", "version: 1\n    version: 2"), "version: 2", "…version: this key stands here a second time"),
        (changed("version: 1", "version: 1\n    on: x"), "on: x", "solutions[0]: the key 'on' is not text; put it in quotes"),
        (changed("[pdf, docx]", "[]"), "artifacts", "…artifacts: this must not be empty"),
        (changed("[pdf, docx]", "[pdf, pdf]"), "artifacts", "…artifacts[1]: `pdf` stands here twice; keep one of them"),
        (changed("[pdf, docx]", "[pdf, doc]"), "artifacts", "…artifacts[1]: `doc` is not known; did you mean `docx`?"),
        (GOOD + "    delivery: {attach: [srt]}\n", "[srt]", "…delivery.attach[0]: srt is not made; add it to `artifacts`"),
        (GOOD + "    modes: []\n", "modes", "…modes: nobody may write the sections; name llm, extractive or provider"),
        (GOOD + "    transcription: {speakers: [4, 2]}\n", "[4, 2]", "…transcription.speakers: the first number is the least"),
        (GOOD + "    transcription: {speakers: [2]}\n", "[2]", "…transcription.speakers: this must be a list of 2, not of 1"),
        (GOOD + "    transcription: {language: klingon}\n", "kli", "…transcription.language: `klingon` is no language we know"),
        (
            GOOD + "    transcription: {vocabulary: {fr: [x]}}\n",
            "fr:",
            "…transcription.vocabulary.fr: there is no such key here",
        ),
        (GOOD + "    evidence: !!python/object:os.system x\n", "os.", "…evidence: 'x' cannot be read; put it in quotes"),
        (GOOD + "    audience: &a [*a]\n", "&a", "an alias multiplies the file or holds itself; write the values out"),
        (changed("工地訪查記錄。", "長" * 2001), "長", "…description.zh-Hant: this has 2,001 characters; 2,000 are allowed"),
    ],
)
def test_a_mistake_is_named_with_line_and_key(tmp_path: Path, text: str, at: str, mistake: str) -> None:
    """So that it is found and mended without a search."""
    line = text[: text.rindex(at)].count("\n") + 1 if at else 1
    found = mistakes_of(tmp_path, text)
    expected = f"{line}: {mistake.replace('…', 'solutions[0].')}"
    assert any(one.startswith(expected) for one in found), (expected, found)


def test_too_many_sections_are_refused(tmp_path: Path) -> None:
    """A report has twelve headings at most."""
    section = "      - {{id: s{}, title: {{zh-Hant: 節, en: Part}}}}\n"
    text = GOOD.partition("    sections:\n")[0] + "    sections:\n" + "".join(section.format(n) for n in range(13))
    assert "10: solutions[0].sections: this has 13 entries; 12 are allowed" in mistakes_of(
        tmp_path, text + "    artifacts: [pdf]\n"
    )


def test_all_mistakes_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    """And the process does not start with a part of them."""
    (tmp_path / "a.yaml").write_text(
        changed("kind: actions", "kind: action").replace("version: 1", "version: x"), encoding="utf-8"
    )
    (tmp_path / "b.yaml").write_text("schema: audio2txt.solutions/1\nsolutions: 5\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"^AUDIO2TXT_SOLUTIONS has 3 mistake\(s\)") as refusal:
        load_solutions(str(tmp_path))
    places = [line.strip().removeprefix(f"{tmp_path}/").rpartition(": ")[0] for line in str(refusal.value).splitlines()[1:]]
    assert places == ["a.yaml:4: solutions[0].version", "a.yaml:16: solutions[0].sections[1].kind", "b.yaml:2: solutions"]


def test_two_files_cannot_define_the_same_scenario(tmp_path: Path) -> None:
    """Which one would count is nothing to guess."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=rf"b.yaml:3: .*`site_visit` is defined in {tmp_path}/a.yaml:3 already"):
        load_solutions(str(tmp_path))


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    """A mount that failed must not look like an installation without scenarios of its own."""
    with pytest.raises(ConfigurationError, match=r"^AUDIO2TXT_SOLUTIONS: .*gone.yaml cannot be read: No such file"):
        load_solutions(str(tmp_path / "gone.yaml"))
    with pytest.raises(ConfigurationError, match=r"holds no \*.yaml file"):
        files_of(str(tmp_path))


def test_the_schema_for_editors_is_current_and_accepts_what_we_ship() -> None:
    """`audio2txt solutions schema` writes it; the file beside the scenarios is the same."""
    assert SCHEMA.read_bytes() == json_schema(), "run `audio2txt solutions schema -o shared/solutions/solutions.schema.json`"
    schema = msgspec.json.decode(json_schema())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for path in SHIPPED.glob("*.yaml"):
        validator.validate(yaml.safe_load(path.read_bytes()))
    validator.validate(yaml.safe_load(GOOD))
    assert not validator.is_valid(yaml.safe_load(changed("en: Defects", "de: Defects")))
