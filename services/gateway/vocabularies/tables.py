"""Vocabularies as tables: the CSV that spreadsheets read and write, and what is wrong with one, by row and column."""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from services.gateway.description.mistakes import explained, form_of
from services.gateway.problems import FieldError, Problem
from services.gateway.vocabularies.contents import Contents, Mistake, check_size, cleaned
from shared.schemas.vocabularies import MOST_ENTRIES, Replacement, VocabularyTerm

E = TypeVar("E", VocabularyTerm, Replacement)

COLUMNS = ("kind", "text", "sounds_like", "to", "case")
TERM, REPLACE = "term", "replace"
BETWEEN = "|"
"""What stands between several sounds in one cell."""

_FORMULA = ("=", "+", "-", "@")
_GUARD = "'"
_COLUMN_OF = {"terms": {"text": "text", "sounds_like": "sounds_like"}, "replacements": {"from": "text", "to": "to"}}


def written(contents: Contents) -> bytes:
    """The table: UTF-8 with a mark by which Excel knows it, commas, CRLF. What a spreadsheet would take for a formula begins
    with an apostrophe."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for term in contents.terms:
        table.writerow(map(_guarded, (TERM, term.text, BETWEEN.join(term.sounds_like), "", "")))
    for one in contents.replacements:
        table.writerow(map(_guarded, (REPLACE, one.from_, "", one.to, one.case.value)))
    return BOM_UTF8 + text.getvalue().encode()


def read(data: bytes) -> Contents:
    """The contents of a table. Raises `Problem` 422 that names row and column of every mistake."""
    rows = _rows(_text(data))
    terms: list[VocabularyTerm] = []
    replacements: list[Replacement] = []
    places: dict[tuple[str, int], int] = {}
    errors: list[FieldError] = []
    for number, row in rows:
        try:
            entry = _entry(row)
        except _WrongCell as error:
            errors.append(_error(number, error.column, str(error)))
            continue
        match entry:
            case VocabularyTerm():
                places["terms", len(terms)] = number
                terms.append(entry)
            case Replacement():
                places["replacements", len(replacements)] = number
                replacements.append(entry)
    contents, mistakes = cleaned(terms, replacements)
    errors += [_placed(mistake, places) for mistake in mistakes]
    if errors:
        raise _invalid(errors)
    for kind, count in (("terms", len(terms)), ("replacements", len(replacements))):
        if count > MOST_ENTRIES:
            detail = f"The table has {count:,} {kind}, and {MOST_ENTRIES:,} are the most; make two of it."
            raise Problem(422, "vocabulary_too_large", detail)
    check_size(contents)
    return contents


class _WrongCell(ValueError):
    """What stands in a cell cannot be there."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def _text(data: bytes) -> str:
    """UTF-8 with or without its mark, or what Excel calls Unicode text."""
    encoding = "utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        message = f"The bytes are no {encoding.removesuffix('-sig').upper()}; save the table as CSV UTF-8."
        raise _invalid([_error(row, "kind", message)]) from None


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each row that is not empty, by its number in the spreadsheet. Raises `Problem` for other columns than ours."""
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number, columns = 0, list[str]()
    try:
        for number, cells in enumerate(table, start=1):
            values = [_unguarded(cell) for cell in cells]
            if number == 1:
                columns = _columns(values)
            elif any(values):
                yield number, _named(columns, values)
    except csv.Error as error:
        raise _invalid([_error(number + 1, "kind", f"The row cannot be read: {error}.")]) from None
    except _WrongCell as error:
        raise _invalid([_error(number, error.column, str(error))]) from None
    if number == 0:
        raise _invalid([_error(1, "kind", f"The table is empty; it begins with the columns {', '.join(COLUMNS)}.")])


def _columns(head: Sequence[str]) -> list[str]:
    names = [name.casefold() for name in head]
    while names and not names[-1]:
        names.pop()
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            raise _WrongCell(name or "?", f"The columns are {', '.join(COLUMNS)}, each once, in the first row.")
    for name in ("kind", "text"):
        if name not in names:
            raise _WrongCell(name, "The column is missing in the first row.")
    return names


def _named(columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    extra = [cell for cell in cells[len(columns) :] if cell]
    if extra:
        raise _WrongCell("?", f"{extra[0]!r} stands beside the table; a text with the delimiter in it needs quotation marks.")
    return {**dict.fromkeys(COLUMNS, ""), **dict(zip(columns, cells, strict=False))}


def _entry(row: Mapping[str, str]) -> VocabularyTerm | Replacement:
    match row["kind"].casefold():
        case kind if kind == TERM:
            _empty(row, "to", "case")
            sounds = tuple(sound.strip() for sound in row["sounds_like"].split(BETWEEN) if sound.strip())
            return _converted({"text": row["text"], "sounds_like": sounds}, VocabularyTerm, "text", "sounds_like")
        case kind if kind == REPLACE:
            _empty(row, "sounds_like")
            values = {"from": row["text"], "to": row["to"], "case": row["case"].casefold() or "ignore"}
            return _converted(values, Replacement, "text", "to", "case")
        case other:
            raise _WrongCell("kind", f"{other!r} is neither {TERM} nor {REPLACE}.")


def _converted(values: dict[str, Any], kind: type[E], *columns: str) -> E:
    """The entry, by whose fields the columns are called, `from` apart."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        field = path.rstrip("`").partition("[")[0]
        name = field.replace("from", "text")
        told = explained(message, form_of(kind), (field,))
        raise _WrongCell(name if name in columns else columns[0], told) from None


def _empty(row: Mapping[str, str], *columns: str) -> None:
    for column in columns:
        if row[column]:
            raise _WrongCell(column, f"A row of the kind {row['kind']} has nothing here.")


def _placed(mistake: Mistake, places: Mapping[tuple[str, int], int]) -> FieldError:
    return _error(places[mistake.kind, mistake.index], _COLUMN_OF[mistake.kind][mistake.field], mistake.message)


def _error(row: int, column: str, message: str) -> FieldError:
    return FieldError(pointer=f"/rows/{row}/{column}", message=message)


def _invalid(errors: Sequence[FieldError]) -> Problem:
    _, _, row, column = errors[0].pointer.split("/", 3)
    more = f" `errors` lists all {len(errors)} mistakes." if len(errors) > 1 else ""
    detail = f"Row {row}, column {column}: {errors[0].message}{more}"
    return Problem(422, "invalid_csv", detail, errors=errors)


def _guarded(cell: str) -> str:
    return _GUARD + cell if cell.startswith(_FORMULA) or _is_guarded(cell) else cell


def _unguarded(cell: str) -> str:
    text = cell.strip()
    return text[1:] if _is_guarded(text) else text


def _is_guarded(text: str) -> bool:
    return text[:1] == _GUARD and text[1:2] in (*_FORMULA, _GUARD)
