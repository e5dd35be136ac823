"""What a solution must obey beyond its types."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from shared.languages import canonical
from shared.schemas.solutions import (
    FORMATS,
    REPORT_LANGUAGES,
    Column,
    Input,
    Role,
    Section,
    SectionFormat,
    Solution,
)
from shared.solutions.conformity import Wrong
from shared.solutions.source import KeyPath

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_ONE_LINE = frozenset({"title", "label"})
_fields = functools.cache(msgspec.structs.fields)
_WITH_COLUMNS = (SectionFormat.TABLE, SectionFormat.FIELDS)


def broken_rules(solution: Solution, path: KeyPath) -> Iterator[Wrong]:
    """Everything wrong with a solution by itself."""
    yield from _texts(solution, path)
    yield from _aliases(solution, path)
    for name, parts in (("inputs", solution.inputs), ("roles", solution.roles), ("sections", solution.sections)):
        yield from _unique_ids(parts, (*path, name))
    roles = [role.id for role in solution.roles]
    for place, section in enumerate(solution.sections):
        yield from _section(section, roles, (*path, "sections", place))
    yield from _transcription(solution, path)
    yield from _files(solution, path)
    yield from _repeated(solution.modes, (*path, "modes"))
    if solution.sections and not solution.modes:
        yield (*path, "modes"), "nobody may write the sections; name llm, extractive or provider"


def _texts(part: msgspec.Struct, path: KeyPath) -> Iterator[Wrong]:
    """Every text, wherever it stands: all languages, no placeholders, nothing blank."""
    for field in _fields(type(part)):
        value, place = getattr(part, field.name), (*path, field.name)
        match value:
            case msgspec.Struct():
                yield from _texts(value, place)
            case tuple():
                for number, one in enumerate(value):
                    if isinstance(one, msgspec.Struct):
                        yield from _texts(one, (*place, number))
            case dict() if field.name != "vocabulary" and (value or field.required):
                yield from _localised(value, place, one_line=field.name in _ONE_LINE)


def _localised(texts: dict[str, object], path: KeyPath, *, one_line: bool) -> Iterator[Wrong]:
    if missing := [language for language in REPORT_LANGUAGES if language not in texts]:
        yield path, f"{' and '.join(missing)} is missing; every text stands in {' and '.join(REPORT_LANGUAGES)}"
    for language, text in texts.items():
        for said in text if isinstance(text, tuple) else (text,):
            if isinstance(said, str):
                yield from _text(said, (*path, language), one_line=one_line)


def _text(text: str, path: KeyPath, *, one_line: bool) -> Iterator[Wrong]:
    if not text.strip():
        yield path, "this is blank; write something or leave the key out"
    if placeholder := _PLACEHOLDER.search(text):
        yield path, f"`{placeholder[0]}` would stand there as it is; texts have no placeholders"
    if one_line and "\n" in text.strip():
        yield path, "this must be a single line"


def _aliases(solution: Solution, path: KeyPath) -> Iterator[Wrong]:
    yield from _repeated(solution.aliases, (*path, "aliases"))
    if solution.id in solution.aliases:
        yield (*path, "aliases"), f"`{solution.id}` is the solution's own id; leave it out"


def _section(section: Section, roles: Sequence[str], path: KeyPath) -> Iterator[Wrong]:
    if section.format not in FORMATS[section.kind]:
        fitting = ", ".join(FORMATS[section.kind])
        yield (*path, "format"), f"a section of {section.kind} cannot be set as {section.format}; choose one of: {fitting}"
    if section.columns and section.format not in _WITH_COLUMNS:
        yield (*path, "columns"), f"only table and fields have columns, not {section.format}; leave them out"
    if not section.columns and section.format in _WITH_COLUMNS:
        yield (*path, "columns"), f"a section set as {section.format} needs at least one; add it"
    yield from _unique_ids(section.columns, (*path, "columns"))
    yield from _repeated(section.speaker_roles, (*path, "speaker_roles"))
    for place, role in enumerate(section.speaker_roles):
        if role not in roles:
            there = f"there are: {', '.join(roles)}" if roles else "the solution has none; add it under `roles`"
            yield (*path, "speaker_roles", place), f"there is no role `{role}`; {there}"


def _transcription(solution: Solution, path: KeyPath) -> Iterator[Wrong]:
    wishes, place = solution.transcription, (*path, "transcription")
    if wishes.speakers is not None and wishes.speakers[0] > wishes.speakers[1]:
        yield (*place, "speakers"), "the first number is the least and must not be larger than the second"
    if wishes.language is not None and canonical(wishes.language) is None:
        yield (*place, "language"), f"`{wishes.language}` is no language we know; use a BCP-47 tag such as en, zh-Hant or yue"


def _files(solution: Solution, path: KeyPath) -> Iterator[Wrong]:
    yield from _repeated(solution.artifacts, (*path, "artifacts"))
    yield from _repeated(solution.delivery.attach, (*path, "delivery", "attach"))
    for place, format_ in enumerate(solution.delivery.attach):
        if format_ not in solution.artifacts:
            yield (*path, "delivery", "attach", place), f"{format_} is not made; add it to `artifacts`"


def _unique_ids(parts: Sequence[Column | Input | Role | Section], path: KeyPath) -> Iterator[Wrong]:
    for place in _repeats([part.id for part in parts]):
        yield (*path, place, "id"), f"`{parts[place].id}` stands here twice; ids are unique"


def _repeated(values: Sequence[str], path: KeyPath) -> Iterator[Wrong]:
    for place in _repeats(values):
        yield (*path, place), f"`{values[place]}` stands here twice; keep one of them"


def _repeats(values: Iterable[str]) -> Iterator[int]:
    """The places of values that stood before."""
    known: set[str] = set()
    for place, value in enumerate(values):
        if value in known:
            yield place
        known.add(value)
