"""What jobs are found by: their tags and the entries of their metadata, each as a digest of fixed length."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

LABEL_BYTES = 16


def tag_label(tag: str) -> bytes:
    """The label of a tag."""
    return _digest(f"tag:{tag}")


def metadata_label(entry: str) -> bytes:
    """The label of an entry of the metadata, as in `case:2024-117`. The name ends at the first colon for whoever reads it; the
    label does not care, so that names may have colons."""
    return _digest(f"metadata:{entry}")


def labels_of(tags: Iterable[str], metadata: Mapping[str, str]) -> list[bytes]:
    """All labels of a job, each once."""
    entries = (metadata_label(f"{name}:{value}") for name, value in metadata.items())
    return list(dict.fromkeys((*map(tag_label, tags), *entries)))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:LABEL_BYTES]
