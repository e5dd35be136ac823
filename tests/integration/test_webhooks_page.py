"""The code that docs/webhooks.md gives to receivers does what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.notifier.channels.webhook import _own_headers
from shared.schemas.endpoints import Signature
from shared.signing import endpoint_key_pair, endpoint_secret
from tests.channels import ENDPOINT, message, webhook_to

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
MASTER = b"m" * 32
SECRETS = tuple(endpoint_secret(MASTER, ENDPOINT, number) for number in (2, 1))
PAIRS = tuple(endpoint_key_pair(MASTER, ENDPOINT, number) for number in (2, 1))


def snippet(name: str) -> str:
    """The code behind its mark on the page."""
    found = re.search(rf"<!-- {re.escape(name)} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def function(name: str) -> Callable[..., None]:
    """What a Python snippet defines."""
    names: dict[str, Any] = {}
    exec(compile(snippet(f"{name}.py"), name, "exec"), names)
    defined: Callable[..., None] = names[name]
    return defined


@pytest.fixture(scope="module")
def headers() -> dict[str, str]:
    """Of a request in the middle of a rotation, in both schemes."""
    both = (Signature.V1, Signature.V1A)
    keys = tuple(pair.private for pair in PAIRS)
    sent = _own_headers(message(), webhook_to("", signatures=both, secrets=SECRETS, private_keys=keys))
    return {name.lower(): value for name, value in sent.items()}


@pytest.mark.parametrize(("name", "keys"), [("verify", SECRETS), ("verify_v1a", tuple(pair.public for pair in PAIRS))])
def test_the_python_snippets(name: str, keys: tuple[str, ...], headers: dict[str, str]) -> None:
    """Take ours with the new and the old key, and refuse what was altered, is old, or another's."""
    verify, body = function(name), message().body
    for key in keys:
        verify(key, headers, body)
        for refused in (
            (key, headers, body + b" "),
            (key, headers | {"webhook-id": "msg_x"}, body),
            (key, headers | {"webhook-timestamp": str(int(time.time()) - 600)}, body),
            (key, headers | {"webhook-signature": "v1,AAAA v1a,AAAA"}, body),
        ):
            with pytest.raises(ValueError, match=r"signed|old"):
                verify(*refused)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed, so the page's JavaScript is not tried")
def test_the_javascript_snippet(tmp_path: Path, headers: dict[str, str]) -> None:
    """The same in JavaScript."""
    (tmp_path / "verify.mjs").write_text(snippet("verify.mjs"))
    old = headers | {"webhook-timestamp": str(int(time.time()) - 600)}
    body = message().body.decode()
    cases = [
        [SECRETS[0], headers, body],
        [SECRETS[1], headers, body],
        [SECRETS[0], headers, body + " "],
        [SECRETS[0], old, body],
        ["whsec_AAAA", headers, body],
    ]
    program = (
        'import { verify } from "./verify.mjs"; const results = [];'
        f"for (const [secret, headers, body] of {json.dumps(cases)})"
        "{ try { verify(secret, headers, Buffer.from(body)); results.push(true) } catch { results.push(false) } }"
        "console.log(JSON.stringify(results))"
    )
    (tmp_path / "check.mjs").write_text(program)
    run = subprocess.run(["node", "check.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [True, True, False, False, False]
