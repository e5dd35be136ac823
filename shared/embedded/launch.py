"""Becomes another program: leaves root behind, ties its life to its parent's, then executes.

Run as a script (`python -I -S launch.py …`) and not as a function between fork and exec, which a process with threads
must not have. Imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 4
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION = 0x20080522


def main(command: list[str], *, parent: int, uid: int, gid: int, override: bool, death_signal: int) -> None:
    """Execute `command` as `uid`; with `override` it keeps the one capability to pass closed folders."""
    os.umask(0o077)
    if uid != os.geteuid():
        _become(uid, gid, override=override)
    if sys.platform == "linux":
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        # Only now: the kernel forgets the signal when credentials change.
        _prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            raise OSError("the parent is gone")
    os.execv(command[0], command)  # noqa: S606


def _become(uid: int, gid: int, *, override: bool) -> None:
    os.setgroups([])
    os.setgid(gid)
    if override:
        # Capabilities survive the change of uid, and access(2), which initdb asks for its programs, respects them.
        _prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setuid(uid)
    if override:
        _keep_only(CAP_DAC_OVERRIDE)


def _keep_only(capability: int) -> None:
    """Drop all capabilities but one, which as an ambient one survives the exec."""
    bit = 1 << capability
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _check(ctypes.CDLL(None, use_errno=True).capset(header, effective_permitted_inheritable), "capset")
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def _prctl(option: int, first: int, second: int = 0) -> None:
    arguments = [ctypes.c_ulong(value) for value in (first, second, 0, 0)]
    _check(ctypes.CDLL(None, use_errno=True).prctl(option, *arguments), f"prctl {option}")


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


if __name__ == "__main__":
    parent, uid, gid, override, death_signal, *command = sys.argv[1:]
    try:
        main(
            command,
            parent=int(parent),
            uid=int(uid),
            gid=int(gid),
            override=override == "override",
            death_signal=int(death_signal),
        )
    except OSError as error:
        sys.exit(f"cannot start {command[0]} as uid {uid}: {error}")
