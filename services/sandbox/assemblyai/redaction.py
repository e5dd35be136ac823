"""Removes what identifies people from the words, as the policies say."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.sandbox.assemblyai.entities import PUNCTUATION, Span, find
from services.sandbox.assemblyai.order import Order
from services.sandbox.assemblyai.speech import Word

_USUAL = frozenset(
    {"person_name", "email_address", "phone_number", "us_social_security_number", "credit_card_number", "number_sequence"}
)
"""What is removed when no policy is named."""


def redacted(words: Sequence[Word], order: Order) -> list[Word]:
    """The words without those that a policy covers: hashes in their place, or the name of what was there."""
    policies = _USUAL if order.redact_pii_policies is None else frozenset(order.redact_pii_policies)
    covered = [span for span in find(words) if span.entity_type in policies]
    result: list[Word] = []
    at = 0
    for span in covered:
        result += words[at : span.first]
        result += _replaced(words, span, by_name=order.redact_pii_sub == "entity_name")
        at = span.beyond
    return [*result, *words[at:]]


def _replaced(words: Sequence[Word], span: Span, *, by_name: bool) -> list[Word]:
    inside = words[span.first : span.beyond]
    if not by_name:
        return [msgspec.structs.replace(word, text=_hashed(word.text)) for word in inside]
    text = f"[{span.entity_type.upper()}]{_tail(inside[-1].text)}"
    return [msgspec.structs.replace(inside[0], text=text, end=inside[-1].end)]


def _hashed(text: str) -> str:
    tail = _tail(text)
    return "#" * (len(text) - len(tail)) + tail


def _tail(text: str) -> str:
    return text[len(text.rstrip(PUNCTUATION)) :]
