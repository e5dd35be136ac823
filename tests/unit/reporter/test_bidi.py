"""The order of characters in lines that mix directions."""

from __future__ import annotations

import pytest
from bidi import get_display  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporter.renderers.pdf import bidi
from services.reporter.renderers.pdf.fonts import cjk, latin
from services.reporter.renderers.pdf.styles import Style
from services.reporter.renderers.pdf.typeset import break_lines

MIRRORED = str.maketrans("()[]<>«»", ")(][><»«")


@settings(max_examples=500)
@given(text=st.text("ab 12.,-%()[]/:!?«»אבגמשا بج٣٤", max_size=24), rtl=st.booleans())
def test_the_order_is_that_of_an_independent_implementation(text: str, rtl: bool) -> None:
    """python-bidi (Rust's unicode-bidi), which leaves brackets as they are."""
    levels = bidi.levels(text, "".join(map(bidi.bidi_class, text)), rtl=rtl)
    end = len(text.rstrip())
    unmirrored = "".join(
        one.translate(MIRRORED) if (level if index < end else rtl) % 2 else one
        for index, (one, level) in enumerate(zip(text, levels, strict=True))
    )
    assert bidi.visual(unmirrored, levels, rtl=rtl) == get_display(text, base_dir="R" if rtl else "L")


@pytest.mark.parametrize(("text", "rtl"), [("שלום hello", True), ("hello שלום", False), ("12 שלום", True), ("…", False)])
def test_the_first_letter_decides_the_direction_of_a_paragraph(text: str, rtl: bool) -> None:
    """Numbers and marks do not."""
    assert bidi.is_rtl("".join(map(bidi.bidi_class, text))) is rtl


def test_lines_are_ordered_one_by_one() -> None:
    """What is read first stands on the first line, wherever the paragraph is broken; each says how it is read."""
    style = Style("text", [latin(400, 14), cjk(3, 400)])
    text = "שלום לכולם, הדוח (version 2.1) מוכן לבדיקה"
    lines = break_lines(style, style.prepare(text), 10, 80)
    assert len(lines) > 2
    assert all(line.rtl for line in lines)
    assert " ".join(line.spoken for line in lines) == text
    assert "(version" in "".join(style.plain(line.text) for line in lines)
