"""The API's description as a page to read and to try it on: Swagger UI, kept here so that it works without the internet.

`swagger-ui-bundle.js` and `swagger-ui.css` are those of the npm package swagger-ui-dist in the version below, compressed and
otherwise as they were published (Apache 2.0, see LICENSE.txt and NOTICE.txt).
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VERSION = "5.35.0"
PUBLISHED: Mapping[str, str] = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}
"""SHA-256 of what was published."""

FOLDER = Path(__file__).parent
_TYPES: Mapping[str, str] = {".js": "text/javascript", ".css": "text/css"}
_FILES = ("setup.js", "page.css", *PUBLISHED)


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file that is the same for everybody, and for as long as the process runs."""

    compressed: bytes
    """With gzip."""
    media_type: str
    etag: str

    @classmethod
    def of(cls, compressed: bytes, media_type: str) -> Asset:
        """The file with its ETag."""
        return cls(compressed=compressed, media_type=media_type, etag=f'"{hashlib.sha256(compressed).hexdigest()[:16]}"')

    @property
    def data(self) -> bytes:
        """For clients that take nothing compressed."""
        return gzip.decompress(self.compressed)


@cache
def asset(name: str) -> Asset | None:
    """A file of the page by its name; null where there is none."""
    if name not in _FILES:
        return None
    kept = FOLDER / f"{name}.gz"
    compressed = kept.read_bytes() if kept.exists() else gzip.compress((FOLDER / name).read_bytes(), mtime=0)
    return Asset.of(compressed, _TYPES[Path(name).suffix])


def page(base: str) -> str:
    """The page, whose paths begin with `base`."""
    return f"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Audio2txt API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{base}/docs/swagger-ui.css">
<link rel="stylesheet" href="{base}/docs/page.css">
<main data-description="{base}/v1/openapi.json"></main>
<script src="{base}/docs/swagger-ui-bundle.js"></script>
<script src="{base}/docs/setup.js"></script>
"""
