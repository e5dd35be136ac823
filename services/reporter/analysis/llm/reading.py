"""Reads what models call JSON: with fences and words around it, thoughts before it, commas too many, or cut off.

Of an answer that was cut off, what stands complete is taken: a list loses its last, half item, never gains half a sentence.
Libraries that mend JSON close the open quotation mark instead, which would make a statement of "We will not".
"""

from __future__ import annotations

import re

import msgspec

_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(r"[^\s,\[\]{}:\"]+")
_CONTROL = re.compile(r"[\x00-\x1f]")
_IGNORED = " \t\r\n,:"
"""Commas and colons are set anew."""
_CLOSING = {"{": "}", "[": "]"}
_PYTHON = {"None": "null", "True": "true", "False": "false"}


class Unreadable(ValueError):
    """There is no JSON object in the answer."""


class Document(msgspec.Struct, frozen=True):
    """What an answer says; `whole` is false when it ended too early."""

    content: dict[str, object]
    whole: bool


def read(text: str) -> Document:
    """The JSON object in an answer. Raises `Unreadable`."""
    text = _THOUGHTS.sub("", text).strip()
    content = _decoded(text)
    if content is not None:
        return Document(content=content, whole=True)
    start = text.find("{")
    if start < 0:
        raise Unreadable
    body, whole = _mended(text[start:])
    content = _decoded(body)
    if content is None:
        raise Unreadable
    return Document(content=content, whole=whole)


def _decoded(text: str) -> dict[str, object] | None:
    """An object with something in it, if the text is one."""
    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    return content if isinstance(content, dict) and content else None


def _mended(text: str) -> tuple[str, bool]:
    """The object that the text begins with as proper JSON, and whether it is whole. Raises `Unreadable`."""
    mending = _Mending()
    at = 0
    while at < len(text) and not mending.done:
        if text[at] in _IGNORED:
            at += 1
            continue
        token = _token(text, at)
        if token is None:
            break
        mending.take(token)
        at += len(token)
    return mending.result(), mending.done


def _token(text: str, at: int) -> str | None:
    """The next bracket, string or scalar; null when the text ends inside it."""
    if text[at] in "{}[]":
        return text[at]
    match = (_STRING if text[at] == '"' else _SCALAR).match(text, at)
    if match is None:
        if text[at] == '"':
            return None
        raise Unreadable
    return match[0] if text[at] == '"' or match.end() < len(text) else None


class _Mending:
    """Writes JSON token by token, and remembers up to where it could end."""

    def __init__(self) -> None:
        self.done = False
        self._written: list[str] = []
        self._open: list[str] = []
        self._filled: list[bool] = []
        """Whether the open list or object of the same place has an entry."""
        self._at_value = False
        """Whether a key waits for its value."""
        self._safe: tuple[int, list[str]] = (0, [])

    def take(self, lexeme: str) -> None:
        """Write the next token. Raises `Unreadable` where it makes no sense."""
        if lexeme in "}]":
            self._close(lexeme)
            return
        in_object = bool(self._open) and self._open[-1] == "{" and not self._at_value
        if in_object and not lexeme.startswith('"'):
            raise Unreadable
        if self._filled and self._filled[-1] and not self._at_value:
            self._written.append(",")
        if lexeme in "{[":
            self._written.append(lexeme)
            self._open.append(lexeme)
            self._filled.append(False)
            self._at_value = False
            return
        self._written.append(_CONTROL.sub(_escaped, _PYTHON.get(lexeme, lexeme)))
        if in_object:
            self._written.append(":")
            self._at_value = True
        else:
            self._end_value()

    def result(self) -> str:
        """What was written, up to the last place where it can be ended by closing what is open. Raises `Unreadable`."""
        length, still_open = self._safe
        if not length:
            raise Unreadable
        return "".join(self._written[:length]) + "".join(_CLOSING[one] for one in reversed(still_open))

    def _close(self, token: str) -> None:
        if not self._open or _CLOSING[self._open[-1]] != token or self._at_value:
            raise Unreadable
        self._written.append(token)
        self._open.pop()
        self._filled.pop()
        self._end_value()

    def _end_value(self) -> None:
        """An entry is complete. What stands in a list is only taken whole."""
        self._at_value = False
        if not self._open:
            self.done = True
        else:
            self._filled[-1] = True
        lists = self._open.count("[")
        if lists == 0 or (lists == 1 and self._open[-1] == "["):
            self._safe = (len(self._written), list(self._open))


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
