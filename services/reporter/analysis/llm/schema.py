"""The JSON schemas of answers, made from a scenario's sections.

They keep to what every server's strict mode knows: each property is required, none may be added, absence is null. What a
statement rests on comes before it, since models write in this order: first what was said, then what to say of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from shared.schemas.solutions import Column, ColumnType, Section, SectionFormat, Solution

Schema: TypeAlias = dict[str, object]

TEXT: Schema = {"type": "string"}
_EXAMPLES = {"integer": 12, "boolean": False}
_OPTIONAL_TEXT: Schema = {"type": ["string", "null"]}


def structure(**properties: Schema) -> Schema:
    """An object with exactly these properties."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def listing(items: Schema) -> Schema:
    """An array."""
    return {"type": "array", "items": items}


EVIDENCE = listing(structure(seg={"type": "integer"}, quote=TEXT))
"""Segments by number, each with words that stand in it."""

FACTS = listing({"type": "integer"})
"""Facts by number."""


def from_transcript(solution: Solution) -> Schema:
    """Sections whose statements rest on lines of the transcript, and the parts that the speakers play."""
    sections = {section.id: listing(_item(section, evidence=EVIDENCE)) for section in solution.sections}
    roles = {"speakers": _roles(solution)} if solution.roles else {}
    return structure(**roles, sections=structure(**sections))


def from_facts(solution: Solution) -> Schema:
    """Sections whose statements rest on numbered facts."""
    sections = {section.id: listing(_item(section, facts=FACTS)) for section in solution.sections}
    return structure(sections=structure(**sections))


def repairs(solution: Solution) -> Schema:
    """Numbered statements in their new wording, or none."""
    columns = [column.id for section in solution.sections for column in section.columns]
    cells = {"cells": listing(structure(column=_choice(columns), text=TEXT))} if columns else {}
    repair = structure(number={"type": "integer"}, evidence=EVIDENCE, withdrawn={"type": "boolean"}, text=TEXT, **cells)
    return structure(repairs=listing(repair))


def form(schema: Schema) -> object:
    """What a document after the schema looks like: shorter than the schema, and for models as clear."""
    match schema:
        case {"enum": list(choices)}:
            return "|".join(map(str, choices))
        case {"type": "object", "properties": dict(properties)}:
            return {name: form(inner) for name, inner in properties.items()}
        case {"type": "array", "items": dict(items)}:
            return [form(items)]
        case {"type": "integer" | "boolean" as kind}:
            return _EXAMPLES[kind]
        case {"type": [*_]}:
            return "… or null"
        case _:
            return "…"


def _item(section: Section, **basis: Schema) -> Schema:
    match section.format:
        case SectionFormat.PARAGRAPH | SectionFormat.BULLETS | SectionFormat.TERMS:
            return structure(**basis, text=TEXT)
        case SectionFormat.TIMELINE | SectionFormat.QA:
            return structure(**basis, label=TEXT, text=TEXT)
        case SectionFormat.QUOTES:
            return structure(**basis, text=TEXT, speaker=_OPTIONAL_TEXT)
        case SectionFormat.TABLE:
            return structure(**basis, cells=structure(**{column.id: _cell(column) for column in section.columns}))
        case SectionFormat.FIELDS:
            return structure(**basis, field=_choice([column.id for column in section.columns]), text=TEXT)
        case _:
            assert_never(section.format)


def _cell(column: Column) -> Schema:
    match column.type:
        case ColumnType.TEXT:
            return TEXT
        case ColumnType.SPEAKER:
            return structure(speaker=_OPTIONAL_TEXT, text=TEXT)
        case ColumnType.DATE:
            return structure(text=TEXT, date=_OPTIONAL_TEXT)
        case _:
            assert_never(column.type)


def _roles(solution: Solution) -> Schema:
    return listing(structure(id=TEXT, role=_choice([role.id for role in solution.roles])))


def _choice(values: Sequence[str]) -> Schema:
    return {"type": "string", "enum": list(dict.fromkeys(values))}
