"""How the words are written: custom spelling, no profanity, no punctuation, no formatting."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.sandbox.assemblyai.entities import PUNCTUATION
from services.sandbox.assemblyai.order import Order
from services.sandbox.assemblyai.speech import Word

_PROFANE = {"damn", "damned", "hell", "shit", "fuck", "fucking", "bastard"}


def written(words: Sequence[Word], order: Order) -> list[Word]:
    """The words as the order wants them spelt."""
    spelt = {old.casefold(): spelling.to for spelling in order.custom_spelling or () for old in spelling.from_}
    rewritten = [msgspec.structs.replace(word, text=_written(word.text, order, spelt)) for word in words]
    return [word for word in rewritten if word.text]


def _written(text: str, order: Order, spelt: dict[str, str]) -> str:
    bare = text.strip(PUNCTUATION)
    if bare.casefold() in spelt:
        text = text.replace(bare, spelt[bare.casefold()])
    elif order.filter_profanity and bare.casefold() in _PROFANE:
        text = text.replace(bare, bare[0] + "*" * (len(bare) - 1))
    if not order.punctuate:
        text = text.strip(PUNCTUATION)
    return text if order.format_text else text.lower()
