"""The page for whoever writes a solution says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from shared.schemas import solutions
from shared.schemas.jobs import ArtifactFormat, ReportMode, Script
from shared.solutions import examine, load_solutions

PAGE = (Path(__file__).parents[3] / "docs" / "solutions.md").read_text(encoding="utf-8")
STRUCTS = [kind for kind in vars(solutions).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
WORDS = [
    *solutions.SectionKind,
    *solutions.SectionFormat,
    *solutions.EvidencePolicy,
    *solutions.ColumnType,
    *solutions.InputType,
    *solutions.CaptionProfile,
    *ArtifactFormat,
    *ReportMode,
    *Script,
]


def test_the_example_is_a_solutions_file(tmp_path: Path) -> None:
    """Whoever copies it has something that works."""
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "own.yaml").write_text(example, encoding="utf-8")
    examined = examine([tmp_path / "own.yaml"])
    assert examined.mistakes == ()
    assert "site_visit" in examined.solutions


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: str(kind.__name__))
def test_every_key_is_explained(kind: type[msgspec.Struct]) -> None:
    """Each stands there as code."""
    fields = {field.encode_name for field in msgspec.structs.fields(kind)} - {"schema", "solutions"}
    assert {name for name in fields if f"`{name}`" not in PAGE and f"`{name}:" not in PAGE} == set()


def test_every_word_that_a_key_takes_is_named() -> None:
    """Of kinds, formats, policies and the like."""
    assert {word.value for word in WORDS if f"`{word.value}`" not in PAGE} == set()


def test_every_shipped_solution_is_listed_with_its_other_names() -> None:
    """The table is whole."""
    names = {name for solution in load_solutions().values() for name in (solution.id, *solution.aliases)}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
