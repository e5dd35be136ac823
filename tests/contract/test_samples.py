"""What was once written must be readable for ever: messages of older replicas, stored documents, bodies customers parse.

A sample is never edited. Whoever adds a field adds a sample that carries it (`job.submitted.2.json`); whoever must break
a contract makes a new event tag or a new document version beside the old.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.schemas.events import EVENT_TYPES, BatchEvent, Event, JobEvent, routing_key
from shared.schemas.reports import Report
from shared.schemas.solutions import SolutionFile
from shared.schemas.transcripts import Transcript
from shared.schemas.webhooks import WebhookBody

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))

CONTRACTS: dict[str, type[msgspec.Struct]] = {
    **{routing_key(event): event for event in EVENT_TYPES},
    "transcript": Transcript,
    "report": Report,
    "solutions": SolutionFile,
    "webhook": WebhookBody,
}


def contract_of(sample: Path) -> str:
    """`job.submitted.2.json` is a sample of `job.submitted`."""
    return max((name for name in CONTRACTS if sample.name.startswith(f"{name}.")), key=len)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_read_whole(sample: Path) -> None:
    """It decodes, and nothing it says is dropped or changed on the way."""
    text = sample.read_bytes()
    value = msgspec.json.decode(text, type=CONTRACTS[contract_of(sample)])
    assert _missing(msgspec.json.decode(text), msgspec.json.decode(msgspec.json.encode(value))) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_newer_writers_field_is_ignored(sample: Path) -> None:
    """During a rolling update an older reader meets fields it does not know. Only templates that people write are strict."""
    contract = CONTRACTS[contract_of(sample)]
    newer = msgspec.json.encode(msgspec.json.decode(sample.read_bytes()) | {"colour": "blue"})
    if contract is SolutionFile:
        with pytest.raises(msgspec.ValidationError, match="unknown field `colour`"):
            msgspec.json.decode(newer, type=contract)
    else:
        assert msgspec.json.decode(newer, type=contract) == msgspec.json.decode(sample.read_bytes(), type=contract)


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_field_is_in_a_sample(name: str) -> None:
    """Every event and document has a sample, and each of its fields stands in one."""
    samples = [msgspec.json.decode(path.read_bytes()) for path in SAMPLES if contract_of(path) == name]
    fields = {field.encode_name for field in msgspec.structs.fields(CONTRACTS[name])}
    assert fields - {key for sample in samples for key in sample} == set()


def test_every_event_is_listed() -> None:
    """An event that is missing in `EVENT_TYPES` would stay in the outbox for ever."""
    about = {*Event.__subclasses__(), *JobEvent.__subclasses__(), *BatchEvent.__subclasses__()}
    assert about - {JobEvent, BatchEvent} == set(EVENT_TYPES)


def _missing(wanted: Any, found: Any, path: str = "$") -> list[str]:
    """Where `found` lacks something of `wanted`. More keys than wanted are fine: fields are added with defaults."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            problem
            for key in wanted
            for problem in (_missing(wanted[key], found[key], f"{path}.{key}") if key in found else [f"{path}.{key}"])
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [problem for index, item in enumerate(wanted) for problem in _missing(item, found[index], f"{path}[{index}]")]
    return [] if wanted == found else [path]
