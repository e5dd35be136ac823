"""Finds which values of a document are of the wrong type: all of them, each as deep inside as it can be named."""

from __future__ import annotations

import difflib
import enum
import re
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from shared.solutions.source import KeyPath

Wrong = tuple[KeyPath, str]
"""A place and what is wrong there."""

_IDS = "ids are lower-case letters, digits and _"
_PATTERNS = {
    r"^[a-z0-9_]{3,40}$": f"{_IDS}, 3 to 40 of them",
    r"^[a-z][a-z0-9_]{0,39}$": f"{_IDS}, a letter first, 40 at most",
}
_LIMIT = re.compile(r"Expected `(\w+)` (of length )?(>=|<=) (\d+)")
_FIXED_LENGTH = re.compile(r"Expected `array` of length (\d+), got (\d+)")
_PATTERN = re.compile(r"Expected `str` matching regex '(.+)'")
_TYPE = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "keys with values",
    "null": "nothing",
}


def wrong_values(value: object, kind: Any, path: KeyPath = ()) -> Iterator[Wrong]:
    """Everything in a value that is not of its type."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        inside = list(_inside(value, kind, path))
        yield from inside or [(path, _explain(str(error), value, kind))]


def _inside(value: object, kind: Any, path: KeyPath) -> Iterator[Wrong]:
    """What is wrong with the parts of a value; nothing if it is the value itself."""
    kind = _bare(kind, value)
    arguments = get_args(kind)
    match value:
        case dict() if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from _fields(value, kind, path)
        case dict() if get_origin(kind) is dict:
            for key, part in value.items():
                yield from _key(key, arguments[0], (*path, key)) or wrong_values(part, arguments[1], (*path, key))
        case list() if get_origin(kind) is tuple:
            kinds = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
            for place, (part, part_kind) in enumerate(zip(value, kinds, strict=False)):
                yield from wrong_values(part, part_kind, (*path, place))


def _fields(value: dict[str, object], kind: type[msgspec.Struct], path: KeyPath) -> Iterator[Wrong]:
    hints = get_type_hints(kind, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    meant: set[str] = set()
    for key, part in value.items():
        if key in fields:
            yield from wrong_values(part, hints[fields[key].name], (*path, key))
        else:
            meant.update(difflib.get_close_matches(key, fields, 1))
            yield (*path, key), f"there is no such key here; {_did_you_mean(key, fields)}"
    for name, field in fields.items():
        if field.required and name not in value and name not in meant:
            yield (*path, name), "this key is missing; add it"


def _key(key: str, kind: Any, path: KeyPath) -> list[Wrong]:
    try:
        msgspec.convert(key, kind)
    except msgspec.ValidationError:
        return [(path, f"there is no such key here; {_did_you_mean(key, get_args(kind))}")]
    return []


def _bare(kind: Any, value: object) -> Any:
    """The type without annotations, and of several the one that the value looks like."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    alternatives = [_bare(one, value) for one in get_args(kind)]
    return next((one for one in alternatives if _looks_like(value, one)), kind)


def _looks_like(value: object, kind: Any) -> bool:
    match value:
        case dict():
            return get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))
        case list():
            return get_origin(kind) is tuple
        case _:
            return False


def _explain(text: str, value: object, kind: Any) -> str:
    """What msgspec says, in the words of whoever writes the file."""
    if choices := _choices(kind):
        return f"{_shown(value)} is not known; {_did_you_mean(str(value), choices)}"
    if match := _PATTERN.search(text):
        return f"{_shown(value)} is not accepted; {_PATTERNS.get(match[1], f'it must match {match[1]}')}"
    if match := _LIMIT.search(text):
        return _limit(value, length=bool(match[2]), least=match[3] == ">=", bound=int(match[4]))
    if match := _FIXED_LENGTH.search(text):
        return f"this must be a list of {match[1]}, not of {match[2]}"
    if match := _TYPE.search(text):
        expected = " or ".join(_WORDS.get(name, name) for name in match[1].split(" | "))
        quote = "; put it in quotes" if "str" in match[1] and not isinstance(value, (dict, list)) and value is not None else ""
        return f"this must be {expected}, not {_WORDS.get(match[2], match[2])}{quote}"
    return text


def _limit(value: object, *, length: bool, least: bool, bound: int) -> str:
    if not length:
        return f"this must be at {'least' if least else 'most'} {bound:,}"
    if least:
        return "this must not be empty"
    parts = "characters" if isinstance(value, str) else "entries"
    size = len(value) if isinstance(value, (str, list)) else 0
    return f"this has {size:,} {parts}; {bound:,} are allowed"


def _choices(kind: Any) -> tuple[str, ...]:
    for alternative in get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,):
        bare = _bare(alternative, None)
        if isinstance(bare, type) and issubclass(bare, enum.Enum):
            return tuple(str(member.value) for member in bare)
        if get_origin(bare) is Literal:
            return tuple(map(str, get_args(bare)))
    return ()


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    known = list(known)
    if close := difflib.get_close_matches(word, known, 1):
        return f"did you mean `{close[0]}`?"
    return f"there are: {', '.join(known)}"


def _shown(value: object) -> str:
    return f"`{str(value)[:40]}`"
