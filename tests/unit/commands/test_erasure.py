"""`audio2txt admin erasure verify`, as somebody types it who was handed a certificate."""

from __future__ import annotations

import datetime as dt
from base64 import b64encode
from pathlib import Path

import msgspec
import pytest

from services.__main__ import main
from services.gateway.erasure import ErasureKind
from services.gateway.privacy.certificates import Certificate, Statement, Verification
from shared.schemas.ids import new_id
from shared.signing import certificate_key, certify

SECRET = b"a secret of the tests, long enough for everyone"
KEY = b64encode(certificate_key(SECRET)).decode()
MOMENT = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)


@pytest.fixture
def certificate() -> Certificate:
    """A genuine one."""
    statement = Statement(
        id=(job_id := new_id()),
        number=1,
        previous=None,
        kind=ErasureKind.JOB,
        tenant_id=new_id(),
        job_id=job_id,
        requested_at=MOMENT,
        verified_at=MOMENT,
        blobs_removed=3,
        segments_emptied=None,
        provider_deletions=(),
        verified=(Verification(place="store", how="looked", left=0),),
        kept=(),
        out_of_reach=(),
    )
    text = msgspec.json.encode(statement).decode()
    signed = certify(SECRET, text.encode())
    return Certificate(statement=text, signature=b64encode(signed.signature).decode(), public_key=KEY)


def test_the_gateways_answer_and_the_bare_certificate_are_both_taken(
    certificate: Certificate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the recipe has it, the answer is stored and verified; so is what `erasure show` prints."""
    for document in (certificate, {"id": str(new_id()), "state": "verified", "certificate": certificate}):
        file = tmp_path / "erasure.json"
        file.write_bytes(msgspec.json.encode(document))
        assert _verify(file) == 0
        said = capsys.readouterr().out
        assert "genuine: job" in said
        assert "3 files removed, 0 found since" in said


def test_what_is_not_genuine_or_not_there_yet_is_told(
    certificate: Certificate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Changed words, an erasure that goes on, and what is no certificate at all."""
    file = tmp_path / "erasure.json"
    changed = msgspec.structs.replace(certificate, statement=certificate.statement.replace('"left":0', '"left":1'))
    for document, status, words in (
        (changed, 1, "NOT GENUINE"),
        ({"certificate": None}, 2, "not verified yet"),
        ({"state": "verified"}, 2, "no certificate"),
    ):
        file.write_bytes(msgspec.json.encode(document))
        assert _verify(file) == status
        assert words in capsys.readouterr().err


def _verify(file: Path) -> int:
    return main(["admin", "erasure", "verify", str(file), "--key", KEY])
