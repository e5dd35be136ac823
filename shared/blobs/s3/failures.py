"""What an S3 store and the way to it can answer, as our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from shared.blobs import BlobNotFound, BlobUnavailable, RangeNotSatisfiable
from shared.blobs.s3.address import Address

MISSING = frozenset({"NoSuchKey", "NoSuchUpload", "NotFound", "404"})
BEYOND = frozenset({"InvalidRange", "416"})


@contextmanager
def translated(address: Address, key: str = "") -> Iterator[None]:
    """Everything the client raises becomes a `BlobNotFound`, `RangeNotSatisfiable` or `BlobUnavailable`."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in MISSING:
            raise BlobNotFound(f"There is no blob {key}.") from error
        if code in BEYOND:
            raise RangeNotSatisfiable(f"The blob {key} ends before the requested range.") from error
        raise BlobUnavailable(f"The S3 store at {address.store} answered {code} for bucket {address.bucket}.") from error
    except (BotoCoreError, aiohttp.ClientError, OSError) as error:
        raise BlobUnavailable(f"The S3 store at {address.store} does not answer: {type(error).__name__}.") from error


def error_code(error: ClientError) -> str:
    """The store's word for what went wrong, such as `SlowDown`; an HTTP status where it has none."""
    return str(error.response.get("Error", {}).get("Code", "an unnamed error"))
