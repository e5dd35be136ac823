"""Who PostgreSQL runs as: it refuses root, so root lends it an existing unprivileged account."""

from __future__ import annotations

import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigurationError

ACCOUNTS = ("postgres", "nobody")
"""Existing accounts that root hands the server to, the first there is."""

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a child process of the embedded server runs as."""

    uid: int
    gid: int
    override: bool
    """Whether folders on its way are closed to this account, so that it needs CAP_DAC_OVERRIDE."""

    def command(self, death_signal: int, program: Path, *arguments: str) -> list[str]:
        """The command line that becomes `program` under this account and gets `death_signal` when this process dies."""
        override = "override" if self.override else "plain"
        options = [os.getpid(), self.uid, self.gid, override, death_signal]
        return [sys.executable, "-I", "-S", str(LAUNCH), *map(str, options), str(program), *arguments]

    def own(self, path: Path) -> None:
        """Hand a file or folder that we just made to this account."""
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid)


def choose_account(folder: Path, program: Path) -> Account:
    """Ourselves, or for root the account that owns the data in `folder/data`, or will."""
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), override=False)
    uid, gid = _owner(folder / "data") or _existing_account()
    return Account(uid=uid, gid=gid, override=not (_reaches(uid, gid, folder) and _reaches(uid, gid, program)))


def _owner(data: Path) -> tuple[int, int] | None:
    if not data.exists():
        return None
    info = data.stat()
    return (info.st_uid, info.st_gid) if info.st_uid != 0 else None


def _existing_account() -> tuple[int, int]:
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ConfigurationError(
        "PostgreSQL does not run as root, and this machine has neither an account postgres nor nobody: "
        "run audio2txt as an ordinary user, or set AUDIO2TXT_DATABASE_URL to a server of yours."
    )


def _reaches(uid: int, gid: int, path: Path) -> bool:
    """Whether every step down to `path` carries the execute bit for this account."""
    real = path.resolve()
    return all(_may_pass(step.stat(), uid, gid) for step in (real, *real.parents))


def _may_pass(info: os.stat_result, uid: int, gid: int) -> bool:
    shift = 6 if info.st_uid == uid else 3 if info.st_gid == gid else 0
    return bool(info.st_mode >> shift & 1)
