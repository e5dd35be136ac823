"""The tenants' keys for encrypted blobs: each in a file of its own, wrapped by the master key. Without that file, whatever the
tenant had in the folder is noise, in every copy: to erase it erases everything.

A wrapped key is a version byte, the id of the master key that wrapped it, a nonce, and the key under AES-256-GCM, bound to its
tenant.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from shared.errors import ConfigurationError

FOLDER = ".keys"
"""In the folder of the blobs; no key of a blob starts with a dot."""

VERSION = b"\x01"
KEY_BYTES, ID_BYTES, NONCE_BYTES = 32, 8, 12


class MasterKey:
    """Wraps the keys of tenants."""

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        key = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"audio2txt tenants' blob keys").derive(secret)
        self.id = hashlib.sha256(b"audio2txt master key id " + key).digest()[:ID_BYTES]
        self._cipher = AESGCM(key)

    def wrap(self, key: bytes, tenant: str) -> bytes:
        """A tenant's key as it lies in its file."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + self.id + nonce + self._cipher.encrypt(nonce, key, tenant.encode())

    def unwrap(self, wrapped: bytes, tenant: str) -> bytes:
        """The key again; raises `cryptography.exceptions.InvalidTag`."""
        nonce, sealed = wrapped[1 + ID_BYTES : 1 + ID_BYTES + NONCE_BYTES], wrapped[1 + ID_BYTES + NONCE_BYTES :]
        return self._cipher.decrypt(nonce, sealed, tenant.encode())


class TenantKeys:
    """The key files below a folder of blobs. Blocking; any number of processes may use them."""

    def __init__(self, root: Path, master: MasterKey, *previous: MasterKey) -> None:
        self._folder = root / FOLDER
        self._master = master
        self._masters = {one.id: one for one in (*previous, master)}
        self._known: dict[str, tuple[tuple[int, int], bytes]] = {}

    @property
    def any(self) -> bool:
        """Whether there ever was a key, so that blobs may be encrypted."""
        return self._folder.is_dir()

    def of(self, tenant: str) -> bytes:
        """A tenant's key, made when it has none. Raises `ConfigurationError` when it cannot be unwrapped."""
        for _ in range(3):
            if (key := self.existing(tenant)) is not None:
                return key
            self._make(tenant)
        raise ConfigurationError(f"The key of the tenant {tenant} in {self._folder} vanishes as it is made; look who does.")

    def existing(self, tenant: str) -> bytes | None:
        """A tenant's key; null when it has none (any more)."""
        path = self._path(tenant)
        try:
            state = path.stat()
        except FileNotFoundError:
            self._known.pop(tenant, None)
            return None
        mark, known = (state.st_mtime_ns, state.st_ino), self._known.get(tenant)
        if known is None or known[0] != mark:
            known = (mark, self._unwrapped(path.read_bytes(), tenant))
            self._known[tenant] = known
        return known[1]

    def destroy(self, tenant: str) -> bool:
        """Overwrite and remove a tenant's key; whether there was one."""
        path = self._path(tenant)
        try:
            with self._alone():
                with path.open("r+b", buffering=0) as file:
                    file.write(secrets.token_bytes(path.stat().st_size))
                    os.fsync(file.fileno())
                path.unlink(missing_ok=True)
                _sync(self._folder)
        except FileNotFoundError:
            return False
        finally:
            self._known.pop(tenant, None)
        return True

    def rewrap(self) -> int:
        """Wrap every key by the master key that counts now; returns how many were wrapped by another one."""
        count = 0
        for tenant in self._tenants():
            with suppress(FileNotFoundError), self._alone():
                wrapped = self._path(tenant).read_bytes()
                if wrapped[1 : 1 + ID_BYTES] != self._master.id:
                    self._write(tenant, self._master.wrap(self._unwrapped(wrapped, tenant), tenant), replace=True)
                    count += 1
        return count

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else destroys or rewraps a key inside the block: one that is destroyed must not come back under the new
        master key. Raises `FileNotFoundError` while there never was a key."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _tenants(self) -> Iterator[str]:
        with suppress(FileNotFoundError):
            yield from sorted(path.name for path in self._folder.iterdir() if not path.name.startswith("."))

    def _make(self, tenant: str) -> None:
        self._write(tenant, self._master.wrap(secrets.token_bytes(KEY_BYTES), tenant), replace=False)

    def _write(self, tenant: str, wrapped: bytes, *, replace: bool) -> None:
        """Whole or not at all; of two who make one at once, the first counts."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path, fresh = self._path(tenant), self._folder / f".{uuid4().hex}"
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(wrapped)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                fresh.replace(path)
            else:
                with suppress(FileExistsError):
                    path.hardlink_to(fresh)
        finally:
            fresh.unlink(missing_ok=True)
        _sync(self._folder)

    def _unwrapped(self, wrapped: bytes, tenant: str) -> bytes:
        from cryptography.exceptions import InvalidTag

        master = self._masters.get(wrapped[1 : 1 + ID_BYTES])
        if not wrapped.startswith(VERSION) or master is None:
            raise _not_ours(tenant)
        try:
            return master.unwrap(wrapped, tenant)
        except InvalidTag:
            raise _not_ours(tenant) from None

    def _path(self, tenant: str) -> Path:
        return self._folder / tenant


def _not_ours(tenant: str) -> ConfigurationError:
    return ConfigurationError(
        f"The blob key of the tenant {tenant} was wrapped by another master key; set AUDIO2TXT_BLOBS_KEY to that (or "
        "AUDIO2TXT_BLOBS_PREVIOUS_KEY, if it was replaced)."
    )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
