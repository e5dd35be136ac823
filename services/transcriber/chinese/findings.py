"""Converts what the engine found out beside the words."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from shared.schemas.transcripts import Insights

Rewrite = Callable[[str], str]


def rewritten(insights: Insights, rewrite: Rewrite) -> Insights:
    """The same with every text rewritten; those that changed stand in `raw` as they were."""
    converted = {
        "entities": insights.entities
        and tuple(msgspec.structs.replace(one, text=rewrite(one.text)) for one in insights.entities),
        "topics": insights.topics and tuple(msgspec.structs.replace(one, label=rewrite(one.label)) for one in insights.topics),
        "highlights": insights.highlights
        and tuple(msgspec.structs.replace(one, text=rewrite(one.text)) for one in insights.highlights),
        "chapters": insights.chapters
        and tuple(
            msgspec.structs.replace(one, headline=rewrite(one.headline), summary=one.summary and rewrite(one.summary))
            for one in insights.chapters
        ),
        "summary": insights.summary and rewrite(insights.summary),
    }
    changed = {name: value for name, value in converted.items() if value != getattr(insights, name)}
    if not changed:
        return insights
    earlier = {} if insights.raw is None else {name: getattr(insights.raw, name) for name in converted}
    kept = {name: value for name, value in earlier.items() if value is not None}
    raw = Insights(**({name: getattr(insights, name) for name in changed} | kept))
    return msgspec.structs.replace(insights, **changed, raw=raw)
