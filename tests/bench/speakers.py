"""The local engine on recordings whose speakers or words are known: how wrong it is, and what telling speakers apart costs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, assert_never

import msgspec

from services.transcriber.engines import Task
from services.transcriber.engines.local import LocalEngine
from services.transcriber.engines.local.messages import Answer
from services.transcriber.engines.local.models import Model, SpeakerModel
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore, open_blobs, source_key
from shared.schemas.ids import new_id
from tests import reference_audio
from tests.bench import apart
from tests.bench.figures import Cell, Table, at_most
from tests.bench.ground import Ground
from tests.bench.processes import Trees, spent
from tests.error_rates import COLLAR_MS, diarization_error, misattributed, plain_words, word_error
from tests.reference_audio import RATE, Speech

if TYPE_CHECKING:
    from tests.reference_audio import Samples

READINGS = ("en/counting", "en/hello_world", "en/quick_brown_fox")
WARM_UP_SECONDS = 5
"""Of the reader, so that the networks are loaded."""
PERCENT = 100.0
SPEAKERS_NOTE = f"""\
Recordings that come with reference labels, or were put together of known turns; shares of the time that people speak, overlaps
counted for each speaker, under the best assignment. The second error rate leaves out {COLLAR_MS} ms around each boundary of the
reference. Words: the share given to somebody who does not speak then. CPU: seconds for each second of audio, of the engine's
processes after they were warm, with recognition, and the same without the networks that tell speakers apart."""
WORDS_NOTE = """\
The default model (Whisper tiny.en), one language. Words wrong, missing and made up for each word of the reference; case and
punctuation do not count. The reader is a person, the sentences are synthetic."""


class Sound(StrEnum):
    """A recording with known speakers."""

    CONVERSATION = "two on the telephone, quick turns and overlaps"
    FOUR = "four voices taking turns, two of them those"
    READER = "one reader"


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Transcribe recordings one after the other."""

    recordings: tuple[str, ...]
    """Sounds, or names of readings."""
    tell_apart: bool


class Listened(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard in one."""

    recording: str
    turns: list[Speech]
    words: list[Speech]
    text: str
    seconds: float
    cpu_seconds: float


async def measure(ground: Ground) -> list[Table]:
    """With and without the networks; each way in a process of its own."""
    del ground
    plain, told_apart = [
        {one.recording: one for one in await apart.carry_out("tests.bench.speakers", order, list[Listened])}
        for order in (
            Listen(recordings=tuple(Sound), tell_apart=False),
            Listen(recordings=(*Sound, *READINGS), tell_apart=True),
        )
    ]
    return [_speakers(told_apart, plain), _words(told_apart)]


def _speakers(told_apart: Mapping[str, Listened], plain: Mapping[str, Listened]) -> Table:
    columns = (
        "",
        "speakers",
        "found",
        "error %",
        "missed",
        "false alarm",
        "confused",
        "with collar",
        "words %",
        "CPU",
        "without",
    )
    rows: list[tuple[Cell, ...]] = []
    for sound in Sound:
        heard, without = told_apart[sound], plain[sound]
        costs = (heard.cpu_seconds / heard.seconds, without.cpu_seconds / without.seconds)
        rows.append((str(sound), *_errors(_sound(sound)[1], heard), *costs))
    return Table(
        title="Who speaks when",
        columns=columns,
        rows=tuple(rows),
        note=SPEAKERS_NOTE,
        aims=(
            at_most("error rate of two on the telephone", _number(rows[0][3]), 12, "%"),
            at_most("the same with a collar", _number(rows[0][7]), 5, "%"),
            at_most("four voices confused", _number(rows[1][6]), 3, "%"),
            at_most("CPU for telling two apart", _number(rows[0][9]) - _number(rows[0][10]), 0.1, "s per second"),
        ),
    )


def _errors(reference: list[Speech], heard: Listened) -> tuple[Cell, ...]:
    """Of one recording: how many speak and were found, and the shares; nobody knows when exactly the one reader pauses."""
    speak, found = (len({turn.speaker for turn in turns}) for turns in (reference, heard.turns))
    astray = PERCENT * misattributed(reference, heard.words)
    if speak == 1:
        return (speak, found, None, None, None, None, None, astray)
    plain = diarization_error(reference, heard.turns)
    collar = diarization_error(reference, heard.turns, collar_ms=COLLAR_MS)
    shares = (plain.error, plain.missed, plain.false_alarm, plain.confused, collar.error)
    return (speak, found, *(PERCENT * share for share in shares), astray)


def _words(heard: Mapping[str, Listened]) -> Table:
    spoken = {
        str(Sound.READER): reference_audio.MONOLOGUE_TEXT,
        **{name: reference_audio.reading(name)[1] for name in READINGS},
    }
    rows = tuple((name, len(plain_words(text)), PERCENT * word_error(text, heard[name].text)) for name, text in spoken.items())
    return Table(title="Words of the local engine", columns=("", "words", "word errors %"), rows=rows, note=WORDS_NOTE)


def _number(cell: Cell) -> float:
    assert isinstance(cell, float)
    return cell


def _sound(sound: Sound) -> tuple[Samples, list[Speech]]:
    match sound:
        case Sound.CONVERSATION:
            return reference_audio.conversation()
        case Sound.FOUR:
            return reference_audio.four_speakers()
        case Sound.READER:
            samples = reference_audio.monologue()
            return samples, [Speech(0, len(samples) * 1000 // RATE, "reader")]
        case _:
            assert_never(sound)


async def _listen(order: Listen) -> list[Listened]:
    speaker_model = SpeakerModel.find(None) if order.tell_apart else None
    if order.tell_apart and speaker_model is None:
        raise RuntimeError("what tells speakers apart is not there: make models")
    with (
        TemporaryDirectory(prefix="audio2txt-bench-") as name,
        closing(Scratch.open(Path(name) / "scratch", "bench")) as scratch,
    ):
        blobs = await open_blobs("file://", data_dir=Path(name), credentials={})
        settings = TranscriberSettings()
        engine = LocalEngine(
            settings=settings, model=Model.find(None), speaker_model=speaker_model, blobs=blobs, scratch=scratch
        )
        try:
            await _hear(engine, blobs, "", reference_audio.monologue()[: WARM_UP_SECONDS * RATE])
            return [await _hear(engine, blobs, recording, _samples(recording)) for recording in order.recordings]
        finally:
            await engine.close()
            await blobs.close()


def _samples(recording: str) -> Samples:
    return _sound(Sound(recording))[0] if recording in set(Sound) else reference_audio.reading(recording)[0]


async def _hear(engine: LocalEngine, blobs: BlobStore, recording: str, samples: Samples) -> Listened:
    tenant_id, job_id = new_id(), new_id()
    task = Task(
        tenant_id=tenant_id, job_id=job_id, run=1, language=None, source_key=source_key(tenant_id, job_id), account=None
    )
    await blobs.put(task.source_key, reference_audio.wav(samples))
    tree = Trees({"engine": os.getpid()})
    before = tree.cpu_seconds()
    raw = await engine.transcribe(task, _unheeded)
    cpu = spent(before, tree.cpu_seconds())["engine"]
    speakers, passages = msgspec.json.decode(raw, type=Answer).speakers, engine.parse(raw).passages
    words = [(word, passage.speaker or "") for passage in passages for word in passage.words]
    return Listened(
        recording=recording,
        turns=[] if speakers is None else [Speech(turn.start_ms, turn.end_ms, str(turn.speaker)) for turn in speakers.turns],
        words=[Speech(word.s or 0, word.e or 0, speaker) for word, speaker in words],
        text=" ".join(word.t for word, _ in words),
        seconds=len(samples) / RATE,
        cpu_seconds=cpu,
    )


async def _unheeded(progress: float, *, duration_ms: int | None = None) -> None:
    del progress, duration_ms


if __name__ == "__main__":
    apart.serve(_listen, Listen)
