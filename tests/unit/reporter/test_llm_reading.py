from __future__ import annotations

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporter.analysis.llm.reading import Unreadable, read

WHOLE = {"sections": {"points": [{"text": "One.", "evidence": [{"seg": 1, "quote": "one"}]}, {"text": "Two, [three] {four}."}]}}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(WHOLE),
        f"```json\n{json.dumps(WHOLE, indent=2)}\n```",
        f"Here you are:\n{json.dumps(WHOLE)}\nAnything else?",
        json.dumps(WHOLE).replace("]}", "],}").replace("}]", "},]"),
        f"<think>Perhaps {{}} or {{'a': 1}}?</think>{json.dumps(WHOLE)}",
        json.dumps(WHOLE).replace(', "', ' "').replace("}, {", "} {"),
    ],
    ids=["plain", "fenced", "in words", "commas too many", "after thoughts", "commas too few"],
)
def test_what_a_person_would_read_is_read(text: str) -> None:
    """Whatever stands around the object, and wherever its commas are."""
    document = read(text)
    assert (document.content, document.whole) == (WHOLE, True)


def test_line_breaks_inside_of_texts_are_kept() -> None:
    """Although JSON wants them written otherwise."""
    assert read('{"a": "one\ntwo"}').content == {"a": "one\ntwo"}


@pytest.mark.parametrize("text", ["", "I cannot do that.", "[]", "{}", '"text"', "{\"a\": 'b'}", "{" * 200, '{"a": "never en'])
def test_nothing_is_made_of_nothing(text: str) -> None:
    """No object, no answer."""
    with pytest.raises(Unreadable):
        read(text)


def test_of_what_breaks_off_whole_statements_are_taken() -> None:
    """The last one is dropped with all its parts: half a sentence may say the opposite of the whole one."""
    said = {
        "sections": {"points": [{"text": "One."}, {"text": "We will not sign.", "evidence": [{"seg": 1}]}], "more": [{"a": 1}]}
    }
    text = json.dumps(said)
    seen = set()
    for end in range(len(text)):
        try:
            document = read(text[:end])
        except Unreadable:
            continue
        assert not document.whole
        sections = msgspec.convert(document.content["sections"], dict[str, list[dict[str, object]]])
        statements = [one for listed in sections.values() for one in listed]
        assert all(json.dumps(one) in text for one in statements)
        seen.add(len(statements))
    assert seen == {1, 2, 3}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(min_size=1), JSON, min_size=1, max_size=4))
def test_any_object_is_read_as_it_is(content: dict[str, object]) -> None:
    """Also when something has to be mended around it."""
    text = json.dumps(content, ensure_ascii=False)
    assert read(text).content == content
    assert read(f"x{text}").content == content


@given(st.text(alphabet='{}[]",:\\ab1\n `', max_size=60))
def test_no_garbage_does_any_harm(text: str) -> None:
    """It is read or it is not."""
    with suppress(Unreadable):
        read(text)
