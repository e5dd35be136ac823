"""Codes about vocabularies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

VocabularyCode: TypeAlias = Literal[
    "invalid_csv",
    "invalid_vocabulary",
    "too_many_vocabularies",
    "unknown_vocabulary",
    "vocabulary_changed",
    "vocabulary_name_taken",
    "vocabulary_not_found",
    "vocabulary_too_large",
]

VOCABULARIES: Mapping[str, Meaning] = {
    "vocabulary_not_found": Meaning(404, "There is no vocabulary with this id.", "`GET /v1/vocabularies` lists them."),
    "too_many_vocabularies": Meaning(409, "The tenant has as many vocabularies as it may have.", "Delete one first."),
    "vocabulary_name_taken": Meaning(
        409, "The tenant has a vocabulary of this name.", "Choose another name, or change that one."
    ),
    "vocabulary_changed": Meaning(
        412, "The vocabulary was changed since you have read it.", "Fetch it again, and repeat your change with its ETag."
    ),
    "invalid_vocabulary": Meaning(422, "Terms or replacements contradict one another, or say nothing.", "See `errors`."),
    "invalid_csv": Meaning(422, "The table cannot be read.", "`errors` name row and column of every mistake."),
    "vocabulary_too_large": Meaning(422, "More terms and replacements than one vocabulary can have.", "Make two of it."),
    "unknown_vocabulary": Meaning(422, "The job names a vocabulary that there is not.", "`GET /v1/vocabularies` lists them."),
}
