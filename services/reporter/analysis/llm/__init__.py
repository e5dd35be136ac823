"""A language model writes the report: what it is asked is worked out here, without asking; the asking is done elsewhere.

`write` is a pure function of the brief, the terms and the replies so far. It tells what is to be asked next, and is called
again with the replies, until there is a draft.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.reporter.analysis.claims import Brief, Draft
from services.reporter.analysis.llm.interview import Batch as Batch
from services.reporter.analysis.llm.repairing import Check
from services.reporter.analysis.llm.writer import Impossible as Impossible
from services.reporter.analysis.llm.writer import Writer
from services.reporter.chats import Reply, Terms


def write(brief: Brief, terms: Terms, replies: Mapping[str, Reply], check: Check) -> Draft | Batch:
    """The draft, or the prompts whose replies (by their keys) it still needs. Raises `Impossible`."""
    steps = Writer(brief, terms, check).draft()
    try:
        batch = next(steps)
        while not (missing := tuple(prompt for prompt in batch if prompt.key not in replies)):
            batch = steps.send(tuple(replies[prompt.key] for prompt in batch))
    except StopIteration as end:
        draft: Draft = end.value
        return draft
    return missing
