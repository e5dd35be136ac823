"""Who decides for how long something is kept."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from services.gateway.places import Place
from services.gateway.privacy.rules import due, effective
from shared.blobs import answer_key, artifact_key, attachment_key, raw_key, report_key, revised_key, source_key, transcript_key
from shared.schemas.ids import new_id
from shared.schemas.privacy import Part, RetentionDays, RetentionRules, TenantRetention

INSTALLATION = RetentionDays(audio=90, raw=90, transcript=None, report=None, record=None)
NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)


def test_the_most_particular_decision_counts() -> None:
    """A scenario's rule goes before the tenant's, and that before the installation's; `null` is a decision, absence is none."""
    rules = RetentionRules(
        tenant=TenantRetention(audio=30, transcript=365),
        solutions={"legal_consultation": RetentionDays(audio=None, raw=1)},
    )
    usual = effective(INSTALLATION, rules, "meeting_minutes")
    assert (usual.audio, usual.raw, usual.transcript, usual.report) == (30, 90, 365, None)
    legal = effective(INSTALLATION, rules, "legal_consultation")
    assert (legal.audio, legal.raw, legal.transcript) == (None, 1, 365)
    assert effective(INSTALLATION, RetentionRules()) == INSTALLATION


def test_time_is_over_by_whole_days_after_the_end() -> None:
    """Zero days are over with the job; what is kept for ever never is."""
    kept = RetentionDays(audio=0, raw=1, transcript=2, report=None)
    assert due(kept, NOW, now=NOW) == {Part.AUDIO}
    assert due(kept, NOW - dt.timedelta(days=1), now=NOW) == {Part.AUDIO, Part.RAW}
    assert due(kept, NOW - dt.timedelta(days=9999), now=NOW) == {Part.AUDIO, Part.RAW, Part.TRANSCRIPT}


@pytest.mark.parametrize("text", ['{"tenant":{"audio":-1}}', '{"tenant":{"video":1}}', '{"solutions":{"x":{"deliveries":1}}}'])
def test_a_wrong_rule_is_refused(text: str) -> None:
    """Nobody believes to have decided something that nobody carries out."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=RetentionRules)


def test_every_blob_of_a_job_belongs_to_a_part() -> None:
    """A key tells what it is, the redacted recording beside the transcript included."""
    tenant, job = new_id(), new_id()
    parts = {
        source_key(tenant, job): Part.AUDIO,
        attachment_key(tenant, job, 1, "redacted.mp3"): Part.AUDIO,
        raw_key(tenant, job, 1): Part.RAW,
        f"t/{tenant}/j/{job}/raw/1/window-7.json": Part.RAW,
        transcript_key(tenant, job, 2): Part.TRANSCRIPT,
        revised_key(tenant, job, 2, new_id()): Part.TRANSCRIPT,
        report_key(tenant, job, 2, 3): Part.REPORT,
        answer_key(tenant, job, "00ff"): Part.REPORT,
        artifact_key(tenant, job, 2, "transcript.pdf"): Part.REPORT,
    }
    for key, part in parts.items():
        place = Place.of(key)
        assert place is not None
        assert (place.tenant_id, place.job_id, place.part) == (tenant, job, part), key
    assert Place.of("somebody/elses") is None
