"""Blobs in a folder, encrypted under keys of their tenants: what lies on the disk, what cannot be passed off, what a lost key
takes along. That everything else is as without is the contract suite's business."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from uuid import UUID

import pytest

from shared.blobs import BlobNotFound, Bookmark, Encryption, ServerSide, open_blobs, source_key
from shared.blobs.file import FileBlobs
from shared.blobs.s3.address import Address
from shared.blobs.sealing import HEADER_BYTES, SEALED_CHUNK_BYTES, BlobDamaged
from shared.blobs.tenant_keys import MasterKey, TenantKeys
from shared.errors import ConfigurationError
from shared.schemas.ids import new_id
from tests.servers.seaweedfs import SeaweedServer

CANARY = b"capybara in the recording "
DATA = CANARY * 10_000
TENANT, JOB = new_id(), new_id()
KEY = source_key(TENANT, JOB)
FIRST, SECOND = b"the first master key, of 32 bytes or more", b"the second master key, of 32 bytes or more"


async def _opened(root: Path, master: bytes = FIRST, *previous: bytes, by_tenant: bool = True) -> FileBlobs:
    return await FileBlobs.open(root, Encryption(by_tenant=by_tenant, master=master, previous=previous))


def _on_disk(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


async def test_nothing_readable_lies_on_the_disk(tmp_path: Path) -> None:
    """Neither of a finished blob nor of one that grows and pauses between chunks; both read back."""
    blobs, marks = await _opened(tmp_path), [Bookmark()]

    async def record(bookmark: Bookmark) -> None:
        marks.append(bookmark)

    await blobs.put(KEY, DATA)
    growing = source_key(TENANT, new_id())
    async with blobs.grow(growing, Bookmark(), record=record) as blob:
        await blob.write(DATA[:100_000])
        await blob.pause()
    assert CANARY not in _on_disk(tmp_path)
    async with blobs.grow(growing, marks[-1], record=record) as blob:
        await blob.write(DATA[100_000:])
        await blob.finish()
    await blobs.complete(growing, marks[-1])
    assert await blobs.get(KEY) == await blobs.get(growing) == DATA
    assert CANARY not in _on_disk(tmp_path)


async def test_a_growing_blob_survives_whoever_wrote_on_after_its_bookmark(tmp_path: Path) -> None:
    """What a bookmark promises is there, though a killed process had written over the place where it paused."""
    blobs, marks = await _opened(tmp_path), [Bookmark()]

    async def record(bookmark: Bookmark) -> None:
        marks.append(bookmark)

    async with blobs.grow(KEY, Bookmark(), record=record) as blob:
        await blob.write(DATA[:70_000])
        await blob.pause()
    promised = marks[-1]
    async with blobs.grow(KEY, promised, record=record) as blob:
        for _ in range(40):
            await blob.write(DATA[70_000:])
    async with blobs.grow(KEY, promised, record=record) as blob:
        await blob.write(DATA[70_000:])
        await blob.finish()
    await blobs.complete(KEY, marks[-1])
    assert await blobs.get(KEY) == DATA
    assert await blobs.sweep_unfinished(-60) == 0


async def test_what_was_tampered_with_does_not_open(tmp_path: Path) -> None:
    """A flipped bit, a missing or moved chunk, an end that is none, another blob's file."""
    blobs = await _opened(tmp_path)
    await blobs.put(KEY, DATA)
    path = tmp_path / KEY
    whole = path.read_bytes()
    first, second = whole[HEADER_BYTES:][:SEALED_CHUNK_BYTES], whole[HEADER_BYTES + SEALED_CHUNK_BYTES :][:SEALED_CHUNK_BYTES]
    rest = whole[HEADER_BYTES + 2 * SEALED_CHUNK_BYTES :]
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for changed in (bytes(flipped), whole[:HEADER_BYTES] + second + first + rest, whole[: HEADER_BYTES + SEALED_CHUNK_BYTES]):
        path.write_bytes(changed)
        with pytest.raises(BlobDamaged):
            await blobs.get(KEY)
    other = source_key(TENANT, new_id())
    await blobs.put(other, b"another")
    (tmp_path / other).write_bytes(whole)
    with pytest.raises(BlobDamaged):
        await blobs.get(other)


async def test_a_file_that_was_cut_off_does_not_open(tmp_path: Path) -> None:
    """Wherever the cut is, also where the last chunk would have no byte left; it is still listed, and no size is negative."""
    blobs = await _opened(tmp_path)
    await blobs.put(KEY, DATA)
    path = tmp_path / KEY
    whole = path.read_bytes()
    for chunks in range(4):
        for rest in (0, 1, 28, 29):
            path.write_bytes(whole[: HEADER_BYTES + chunks * SEALED_CHUNK_BYTES + rest])
            with pytest.raises(BlobDamaged):
                await blobs.get(KEY)
            assert (await blobs.info(KEY)).size >= 0
    path.write_bytes(whole)
    assert await blobs.get(KEY) == DATA
    await blobs.put(KEY, b"")
    assert await blobs.get(KEY) == b""


async def test_old_and_new_lie_side_by_side(tmp_path: Path) -> None:
    """What was there before the setting is read as it is, what came with it also without it, both with their true sizes."""
    plain = await FileBlobs.open(tmp_path)
    await plain.put(KEY, DATA)
    later = source_key(TENANT, new_id())
    await (await _opened(tmp_path)).put(later, DATA)
    without = await _opened(tmp_path, by_tenant=False)
    assert await without.get(KEY) == await without.get(later) == DATA
    assert {info.size async for info in without.list("t/")} == {len(DATA)}
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_SECRET_KEY"):
        await plain.get(later)


async def test_a_tenants_key_takes_all_its_blobs_along_and_nobody_elses(tmp_path: Path) -> None:
    """Also those that somebody has copied before, with every process that knew the key."""
    blobs, reader = await _opened(tmp_path), await _opened(tmp_path)
    kept = source_key(new_id(), JOB)
    for key in (KEY, kept):
        await blobs.put(key, DATA)
    assert await reader.get(KEY) == DATA
    copy = (tmp_path / KEY).read_bytes()
    assert await blobs.shred(TENANT)
    assert not await blobs.shred(TENANT)
    for one in (blobs, reader):
        with pytest.raises(BlobNotFound):
            await one.get(KEY)
        assert await one.get(kept) == DATA
    await blobs.put(KEY, b"the same tenant again, under another key")
    (tmp_path / KEY).write_bytes(copy)
    with pytest.raises(BlobDamaged):
        await blobs.get(KEY)


async def test_the_master_key_is_replaced_without_touching_a_blob(tmp_path: Path) -> None:
    """With the one before at hand everything reads on; once the keys are wrapped anew, it is needed no more."""
    await (await _opened(tmp_path)).put(KEY, DATA)
    before = (tmp_path / KEY).read_bytes()
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_BLOBS_KEY"):
        await (await _opened(tmp_path, SECOND)).get(KEY)
    both = await _opened(tmp_path, SECOND, FIRST)
    assert await both.get(KEY) == DATA
    assert (await both.rewrap(), await both.rewrap()) == (1, 0)
    assert await (await _opened(tmp_path, SECOND)).get(KEY) == DATA
    assert (tmp_path / KEY).read_bytes() == before


def test_a_key_that_is_destroyed_does_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though keys are wrapped anew at that moment: whoever destroys waits."""
    TenantKeys(tmp_path, MasterKey(FIRST)).of("acme")
    keys = TenantKeys(tmp_path, MasterKey(SECOND), MasterKey(FIRST))
    other = threading.Thread(target=TenantKeys(tmp_path, MasterKey(SECOND), MasterKey(FIRST)).destroy, args=("acme",))
    wrap = MasterKey.wrap

    def slow(master: MasterKey, key: bytes, tenant: str) -> bytes:
        other.start()
        other.join(timeout=0.3)
        return wrap(master, key, tenant)

    monkeypatch.setattr(MasterKey, "wrap", slow)
    assert keys.rewrap() == 1
    other.join()
    assert keys.existing("acme") is None
    monkeypatch.setattr(keys, "_tenants", lambda: ["acme"])
    assert keys.rewrap() == 0


@pytest.mark.parametrize(
    ("encryption", "headers"),
    [
        (Encryption(), {}),
        (Encryption(server_side=ServerSide.AES256), {"x-amz-server-side-encryption": "AES256"}),
        (
            Encryption(server_side=ServerSide.KMS, kms_key_id="alias/recordings"),
            {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "alias/recordings"},
        ),
    ],
)
def test_an_s3_store_is_asked_to_encrypt(encryption: Encryption, headers: dict[str, str]) -> None:
    """What is asked for stands in every request that stores bytes, also in those that clients make."""
    assert Address.parse("s3://bucket").encrypted(encryption).sealing_headers == headers


async def test_an_s3_store_takes_what_it_is_asked_to_encrypt(seaweed_server: SeaweedServer, tmp_path: Path) -> None:
    """Small and in parts, and by a request that somebody else makes."""
    url = seaweed_server.blobs_url(f"sse-{os.urandom(4).hex()}")
    encryption = Encryption(server_side=ServerSide.AES256)
    blobs = await open_blobs(url, data_dir=tmp_path, credentials=seaweed_server.credentials, encryption=encryption)
    try:
        for data in (DATA, os.urandom(9 * 1024 * 1024)):
            await blobs.put(KEY, data)
            assert await blobs.get(KEY) == data
        signed = await blobs.presigned_put(source_key(TENANT, UUID(int=7)), size=3, seconds=60)
        assert signed is not None
        assert signed.headers["x-amz-server-side-encryption"] == "AES256"
    finally:
        await blobs.close()
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_BLOBS_SSE"):
        await open_blobs(url, data_dir=tmp_path, credentials={}, encryption=Encryption(by_tenant=True))
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_BLOBS_KMS_KEY_ID"):
        Address.parse("s3://bucket").encrypted(Encryption(kms_key_id="alias/recordings"))
