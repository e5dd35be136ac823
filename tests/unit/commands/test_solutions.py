"""`audio2txt solutions`, as a person types it who writes a scenario of their own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.__main__ import main
from services.commands.conversations import conversation
from services.commands.preview import preview
from shared.schemas.jobs import ArtifactFormat, ReportLanguage
from shared.schemas.reports import Evidence, Report
from shared.schemas.solutions import REPORT_LANGUAGES, Solution
from shared.solutions import load_solutions
from shared.solutions.schema import json_schema

OWN = """\
schema: audio2txt.solutions/1
solutions:
  - id: stand_up
    version: 1
    title: {zh-Hant: 站立會議, en: Stand-up}
    description: {zh-Hant: 每日站立會議。, en: The daily stand-up.}
    sections:
      - {id: tasks, title: {zh-Hant: 今日工作, en: Tasks for today}, kind: actions, format: bullets}
    artifacts: [md]
"""


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, on a machine without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUDIO2TXT_SOLUTIONS", raising=False)
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path


def typed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status and what was printed."""
    status = main(["solutions", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_all_scenarios_are_listed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's own among them, once it is named on the line or in the settings."""
    status, out, _ = typed(capsys, "list")
    assert (status, len(out.splitlines())) == (0, 11)
    assert "Executive decisions / 高階決策會議記錄 (also executive_meeting)" in out
    assert "stand_up" in typed(capsys, "list", "--from", "own.yaml")[1]
    monkeypatch.setenv("AUDIO2TXT_SOLUTIONS", "own.yaml")
    assert "stand_up" in typed(capsys, "list")[1]


def test_a_scenario_that_is_shown_is_a_file_to_begin_with(capsys: pytest.CaptureFixture[str], desk: Path) -> None:
    """With another id or a higher version it is one's own."""
    status, out, _ = typed(capsys, "show", "lecture_course")
    assert (status, out.splitlines()[0]) == (0, "schema: audio2txt.solutions/1")
    (desk / "mine.yaml").write_text(out.replace("version: 1\n", "version: 2\n"), encoding="utf-8")
    changed = msgspec.structs.replace(load_solutions()["lecture"], version=2)
    assert load_solutions("mine.yaml")["lecture"] == changed
    assert typed(capsys, "show", "poetry") == (
        2,
        "",
        "audio2txt: There is no solution 'poetry'; this installation has: " + ", ".join(sorted(load_solutions())) + ".\n",
    )


def test_files_are_checked_one_by_one(capsys: pytest.CaptureFixture[str], desk: Path) -> None:
    """Those that are right are ok; every mistake of the others has its line, and the exit status says so."""
    assert typed(capsys, "check", "own.yaml") == (0, "own.yaml: ok\n", "")
    (desk / "bad.yaml").write_text(OWN.replace("kind: actions", "kind: action").replace("[md]", "[]"), encoding="utf-8")
    status, out, _ = typed(capsys, "check", "own.yaml", "bad.yaml")
    assert status == 1
    assert out.splitlines() == [
        "bad.yaml:8: solutions[0].sections[0].kind: `action` is not known; did you mean `actions`?",
        "bad.yaml:9: solutions[0].artifacts: this must not be empty",
        "own.yaml: ok",
    ]
    assert typed(capsys, "list", "--from", "bad.yaml") == (
        2,
        "",
        "audio2txt: bad.yaml is not right yet; `audio2txt solutions check bad.yaml` says what to mend.\n",
    )
    assert typed(capsys, "check", "gone.yaml")[2] == "audio2txt: gone.yaml cannot be read: No such file or directory.\n"
    assert typed(capsys, "check")[2] == "audio2txt: Name a file, or set AUDIO2TXT_SOLUTIONS.\n"


def test_the_schema_is_printed_or_stored(capsys: pytest.CaptureFixture[str], desk: Path) -> None:
    """For `# yaml-language-server: $schema=…`."""
    assert typed(capsys, "schema")[1].encode() == json_schema()
    typed(capsys, "schema", "-o", "s.json")
    assert (desk / "s.json").read_bytes() == json_schema()


def test_a_scenario_of_ones_own_is_previewed(capsys: pytest.CaptureFixture[str], desk: Path) -> None:
    """On the terminal as text, into a file as a document, in either language."""
    status, out, _ = typed(capsys, "preview", "stand_up", "--from", "own.yaml", "--language", "zh-Hant")
    assert status == 0
    assert "## 今日工作" in out
    assert "我今天就去訂大主機，星期三以前把監控設定好。" in out
    assert typed(capsys, "preview", "stand_up", "--from", "own.yaml", "--format", "pdf")[0] == 2
    status, out, _ = typed(capsys, "preview", "stand_up", "--from", "own.yaml", "--format", "pdf", "-o", "p.pdf")
    assert (status, (desk / "p.pdf").read_bytes()[:5]) == (0, b"%PDF-")


def test_a_preview_of_ones_own_transcript(capsys: pytest.CaptureFixture[str], desk: Path) -> None:
    """As the gateway serves it; the report follows its language, and inputs can be given."""
    _, heard = conversation("legal", "zh-Hant")
    (desk / "call.json").write_bytes(msgspec.json.encode(heard))
    arguments = ("legal_consultation", "--transcript", "call.json", "--input", "matter_no=2026-117", "--format", "json")
    status, out, _ = typed(capsys, "preview", *arguments)
    report = msgspec.json.decode(out, type=Report)
    assert (status, report.language, report.title) == (0, "zh-Hant", "call")
    assert report.inputs[0].value == "2026-117"
    (desk / "call.json").write_text("{}", encoding="utf-8")
    assert typed(capsys, "preview", *arguments)[2].startswith("audio2txt: call.json is no transcript: ")
    assert typed(capsys, "preview", "lecture", "--input", "x")[2].startswith("audio2txt: --input: 'x' is not NAME=VALUE")


@pytest.mark.parametrize("language", REPORT_LANGUAGES)
@pytest.mark.parametrize("solution", load_solutions().values(), ids=lambda solution: solution.id)
def test_every_shipped_scenario_finds_something_in_its_sample(solution: Solution, language: ReportLanguage) -> None:
    """Most sections of each report have statements, every one with the words it rests on."""
    data = preview(solution, ArtifactFormat.JSON, language=language, transcript=None, inputs={})
    if not solution.sections:
        return
    report = msgspec.json.decode(data, type=Report)
    assert (report.language, report.solution.id) == (language, solution.id)
    assert {one.value for one in report.inputs}.isdisjoint({"Example", "範例"})
    assert [section.title for section in report.sections] == [section.title[language] for section in solution.sections]
    filled = [section for section in report.sections if section.items]
    assert len(filled) * 4 >= len(report.sections) * 3, [section.id for section in report.sections if not section.items]
    assert all(item.evidence is Evidence.VERIFIED and item.refs for section in filled for item in section.items)


@pytest.mark.parametrize("language", REPORT_LANGUAGES)
@pytest.mark.parametrize("category", ["meeting", "legal", "sales", "education", "media"])
def test_the_samples_are_whole_transcripts(category: str, language: ReportLanguage) -> None:
    """Words make up each text and follow one another in time."""
    title, heard = conversation(category, language)
    assert title
    assert len(heard.speakers) >= 2
    for segment in heard.segments:
        assert "".join(word.sep + word.t for word in segment.words) == segment.text
    times = [time for segment in heard.segments for word in segment.words for time in (word.s or 0, word.e or 0)]
    assert times == sorted(times)
