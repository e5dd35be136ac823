"""Language models to put behind `FakeChat`: one that reads what it is asked and keeps to it, and the ways in which others lie.

They know nothing but the prompt: its form of the answer, its lines, its facts, its statements to correct.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from tests.fakes.chat import Asked, Model

Answer: TypeAlias = dict[str, Any]
Lie: TypeAlias = Callable[[Answer], None]
"""Changes the answer of an honest model."""

LINE = re.compile(r"^\[s(\d+) (\S+) (\S+)\] (.*)$", re.MULTILINE)
_FORM = re.compile(r"^Form of the answer:\n(.+)$", re.MULTILINE)
_FACT = re.compile(r"^\{\"fact\":.*$", re.MULTILINE)
_STATEMENT = re.compile(r"^\{\"number\":.*$", re.MULTILINE)
_MOST = re.compile(r"^## (\w+): .*?At most (\d+)\.", re.MULTILINE | re.DOTALL)


def honest(asked: Asked) -> str:
    """What is said, a section after the other, word for word, each from another line."""
    return json.dumps(answer_to(asked), ensure_ascii=False)


def lying(lie: Lie) -> Model:
    """Lies in every answer, and does not let itself be corrected."""

    def model(asked: Asked) -> str:
        answer = answer_to(asked)
        if "repairs" in answer:
            return json.dumps({"repairs": []})
        lie(answer)
        return json.dumps(answer, ensure_ascii=False)

    return model


def repentant(lie: Lie) -> Model:
    """Lies, but says the truth when it is shown what is wrong."""

    def model(asked: Asked) -> str:
        answer = answer_to(asked)
        if "repairs" not in answer:
            lie(answer)
        return json.dumps(answer, ensure_ascii=False)

    return model


def answer_to(asked: Asked) -> Answer:
    """An honest answer of the form that was asked for."""
    system, user = asked.messages[0]["content"], asked.messages[1]["content"]
    form: Answer = json.loads(_FORM.findall(system)[0])
    lines = LINE.findall(user)
    if "repairs" in form:
        return {"repairs": [_repair(json.loads(told), lines) for told in _STATEMENT.findall(user)]}
    facts = [json.loads(told) for told in _FACT.findall(user)]
    answer: Answer = {"speakers": []} if "speakers" in form else {}
    sections = form["sections"]
    if facts:
        most = {id_: int(count) for id_, count in _MOST.findall(system)}
        chosen = {id_: _spread([fact for fact in facts if fact["section"] == id_], most[id_]) for id_ in sections}
        answer["sections"] = {id_: [_restated(sections[id_][0], fact) for fact in chosen[id_]] for id_ in sections}
    else:
        answer["sections"] = {id_: [] for id_ in sections}
        for at, line in enumerate(lines):
            id_ = list(sections)[at % len(sections)]
            if len(answer["sections"][id_]) < 3:
                answer["sections"][id_].append(_said(sections[id_][0], line))
    return answer


def first(answer: Answer) -> Answer:
    """The first statement of an answer, which lies change."""
    statement: Answer = next(items[0] for items in answer["sections"].values() if items)
    return statement


def _spread(facts: list[Answer], count: int) -> list[Answer]:
    """Some of the facts, from the first to the last."""
    return facts[:: max(1, -(-len(facts) // count))]


def _quote(text: str) -> str:
    """The first words of a line, as many as a quotation may have."""
    return text[:40] if re.search("[一-鿿]", text) else " ".join(text.split()[:15])


def _said(form: Answer, line: tuple[str, str, str, str]) -> Answer:
    """A statement of a form that says what stands in a line."""
    number, _, speaker, text = line
    statement = copy.deepcopy(form)
    if "evidence" in statement:
        statement["evidence"] = [{"seg": int(number), "quote": _quote(text)}]
    if "text" in statement:
        statement["text"] = _quote(text)
    if "label" in statement:
        statement["label"] = _quote(text)
    if "speaker" in statement:
        statement["speaker"] = speaker
    if "field" in statement:
        statement["field"] = statement["field"].split("|")[0]
    for at, (column, cell) in enumerate(statement.get("cells", {}).items()):
        statement["cells"][column] = _cell(cell, speaker, _quote(text) if at == 0 else "")
    return statement


def _cell(form: Any, speaker: str, text: str) -> Any:
    if not isinstance(form, dict):
        return text
    return {"speaker": speaker, "text": ""} if "speaker" in form else {"text": text, "date": None}


def _restated(form: Answer, fact: Answer) -> Answer:
    statement = copy.deepcopy(form)
    statement["facts"] = [fact["fact"]]
    for name in ("text", "label", "speaker"):
        if name in statement:
            statement[name] = fact.get(name, "")
    if "field" in statement:
        statement["field"] = next(iter(fact["cells"]))
    for column, cell in statement.get("cells", {}).items():
        told = fact["cells"].get(column, "")
        statement["cells"][column] = {**cell, "text": told} if isinstance(cell, dict) else told
    return statement


def _repair(told: Answer, lines: list[tuple[str, str, str, str]]) -> Answer:
    """The statement in the words of the first line that is shown with it."""
    number, _, _, text = lines[0]
    evidence = [{"seg": int(number), "quote": _quote(text)}]
    cells = [{"column": column, "text": _quote(text)} for column in list(told.get("cells", {}))[:1]]
    return {"number": told["number"], "evidence": evidence, "withdrawn": False, "text": _quote(text), "cells": cells}
