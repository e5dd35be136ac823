"""What the demonstration shows of reports; its way through the platform is the way of every other recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.commands.demo import write_report


def test_the_demonstration_shows_a_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """From its first section on, with moments; whole files in both languages lie beside the transcript."""
    write_report(tmp_path)
    shown = capsys.readouterr().out
    assert "Decisions" in shown
    assert "Owner: Marcus" in shown
    assert "[00:01:31]" in shown
    assert {path.name for path in tmp_path.iterdir()} == {
        f"sample_meeting.{language}.report.{form}" for language in ("en", "zh-Hant") for form in ("txt", "pdf", "docx")
    }
    assert all(path.name in shown for path in tmp_path.iterdir())
