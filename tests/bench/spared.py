"""`python -m tests.bench.spared`: the `audio2txt` command with a gateway that leaves one of its guards out.

AUDIO2TXT_BENCH_WITHOUT names the guard: `authentication` takes whoever came first for everybody, `audit` notes no reads.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from services.__main__ import main
from services.gateway.audit_trail import AuditTrail
from services.gateway.identification import Identification
from services.gateway.store.accounts import Principal

WITHOUT = "AUDIO2TXT_BENCH_WITHOUT"


def leave_out(guard: str) -> None:
    """Take it away."""
    if guard == "audit":
        AuditTrail.read = _read_nothing  # type: ignore[method-assign]
        return
    look_up = Identification.principal
    first: list[Principal] = []

    async def principal(self: Identification, *shown: Any) -> Principal:
        if not first:
            first.append(await look_up(self, *shown))
        return first[0]

    Identification.principal = principal  # type: ignore[method-assign,assignment]


def _read_nothing(*_: object, **__: object) -> None:
    return None


if __name__ == "__main__":
    leave_out(os.environ.pop(WITHOUT))
    sys.exit(main())
