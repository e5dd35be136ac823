"""The stores that keep the contracts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from shared.blobs import BlobStore, Encryption, open_blobs
from tests.servers.seaweedfs import SeaweedServer


@pytest.fixture(params=["file", "encrypted", "s3"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    """An empty store of each kind."""
    if request.param in ("file", "encrypted"):
        encryption = Encryption(by_tenant=request.param == "encrypted", master=b"a master key of the contract's tests")
        store = await open_blobs("file://", data_dir=tmp_path, credentials={}, encryption=encryption)
    else:
        server: SeaweedServer = request.getfixturevalue("seaweed_server")
        url = server.blobs_url(f"contract-{uuid4().hex[:12]}/some/prefix")
        store = await open_blobs(url, data_dir=tmp_path, credentials=server.credentials)
    yield store
    await store.close()
