"""`python -m tests.problem_table` makes docs/problems.md anew: every problem code, from the table that the gateway has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from services.gateway.codes import SUBJECTS

PAGE = Path(__file__).parent.parent / "docs" / "problems.md"
_HEAD = """\
# Problem codes

Every answer of the API from 400 upwards is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). Its `code`
never changes its meaning, and its `type` leads to a page about it on your own installation (`/problems/{code}`). How to
read one stands in [the API's conventions](api.md). This page is made from the gateway's own table (`make samples`).
"""


def rendered() -> str:
    """The page as it has to be."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for subject, table in SUBJECTS.items():
        yield f"## {subject}\n"
        yield "| code | status | what has happened | what to do |"
        yield "| --- | --- | --- | --- |"
        for code, meaning in table.items():
            yield f"| `{code}` | {', '.join(map(str, meaning.statuses))} | {meaning.what} | {meaning.remedy} |"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(rendered())
