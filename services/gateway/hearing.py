"""What is asked of the speech engine, checked as far as that goes without knowing which it is."""

from __future__ import annotations

import msgspec

from services.gateway.problems import invalid
from services.gateway.requests import RetryRequest, SpeakersWish, cleaned_lines
from shared.languages import canonical
from shared.schemas.jobs import JobOptions, SpeakerRange


def checked_language(tag: str) -> str:
    """The language in its usual spelling. Raises `Problem` 422."""
    language = canonical(tag)
    if language is None:
        detail = f"{tag!r} is no language we know; use a BCP-47 tag such as en, zh-Hant or yue, or auto."
        raise invalid("/language", "unknown_language", detail)
    return language


def checked_speakers(wish: SpeakersWish | None) -> SpeakerRange | None:
    """The wish, unless it says nothing. Raises `Problem` 422."""
    if wish is None or (wish.min is None and wish.max is None):
        return None
    if wish.min is not None and wish.max is not None and wish.min > wish.max:
        detail = f"There cannot be at least {wish.min} and at most {wish.max} speakers; give min and max the other way round."
        raise invalid("/speakers", "invalid_request", detail)
    return SpeakerRange(min=wish.min, max=wish.max)


def heard_otherwise(options: JobOptions, wishes: RetryRequest) -> JobOptions:
    """The options with what a retry wants to be heard in another way, vocabularies aside. Raises `Problem` 422."""
    return msgspec.structs.replace(
        options,
        engine=wishes.engine or options.engine,
        language=options.language if wishes.language is None else checked_language(wishes.language),
        speakers=options.speakers if wishes.speakers is None else checked_speakers(wishes.speakers),
        vocabulary=options.vocabulary if wishes.vocabulary is None else cleaned_lines("/vocabulary", wishes.vocabulary),
        channels=options.channels if wishes.channels is None else wishes.channels,
        analyses=options.analyses if wishes.analyses is None else tuple(dict.fromkeys(wishes.analyses)),
        script=wishes.script or options.script,
    )
