"""Fixtures: a real S3 store, one a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.seaweedfs import SeaweedServer


@pytest.fixture(scope="session")
def seaweed_server() -> Iterator[SeaweedServer]:
    """The store that all tests of this run share, each with a bucket of its own. A test that kills one takes its own."""
    import aiobotocore.session

    clients = aiobotocore.session.get_session()
    with pytest.MonkeyPatch.context() as patch, SeaweedServer() as server:
        # Each new session reads botocore's description of S3 again, which takes longer than most tests do.
        patch.setattr("shared.blobs.s3.get_session", lambda: clients)
        yield server
