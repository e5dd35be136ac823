"""The stored answers of the local engine are read for ever: those from before it told speakers apart, and those since."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.transcriber.engines import Heard
from services.transcriber.engines.local.messages import Answer, Speakers, Turn
from services.transcriber.engines.local.parsing import parse
from shared.schemas.transcripts import render_words

SAMPLES = Path(__file__).parent / "samples"
"""Never edited."""


def _sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def _turned(*turns: Turn) -> Heard:
    """The sample of one speaker, with turns put into it."""
    answer = msgspec.json.decode(_sample("local.json"), type=Answer)
    speakers = Speakers(model="0" * 64, threshold=0.45, at_least=None, at_most=4, turns=turns)
    return parse(msgspec.json.encode(msgspec.structs.replace(answer, speakers=speakers)))


def test_an_answer_from_before_speakers_is_read() -> None:
    """Nobody is named, and nothing is claimed about how."""
    heard = parse(_sample("local.json"))
    assert {passage.speaker for passage in heard.passages} == {None}
    assert "".join(render_words(passage.words) for passage in heard.passages).startswith(" It was the best of times")
    assert heard.params == {"beam_size": "5", "language": "auto"}


def test_an_answer_with_speakers_is_read() -> None:
    """Passages are cut where the speaker changes, and the document says how speakers and terms were found."""
    heard = parse(_sample("local.2.json"))
    assert {passage.speaker for passage in heard.passages} == {"A", "B"}
    assert len(heard.passages) > len(msgspec.json.decode(_sample("local.2.json"), type=Answer).windows[0].passages)
    assert heard.params["speaker_model"] == "350eadb89419"
    assert heard.params["speakers"] == "2-"
    assert heard.params["vocabulary"] == "Chicago"


def test_no_word_is_lost_where_passages_are_cut() -> None:
    """In their order, with their times."""
    whole = parse(_sample("local.json"))
    words = [word for passage in whole.passages for word in passage.words]
    cut = _turned(Turn(0, 3_000, 0), Turn(3_000, 6_000, 1), Turn(6_000, 10_000, 0))
    assert [word for passage in cut.passages for word in passage.words] == words
    assert len(cut.passages) > len(whole.passages)


def test_speech_without_a_voice_is_nobodys() -> None:
    """Words that were heard where no voice was found have no speaker."""
    assert {passage.speaker for passage in _turned().passages} == {None}


@pytest.mark.parametrize(("number", "label"), [(0, "A"), (25, "Z"), (26, "AA"), (27, "AB"), (701, "ZZ"), (702, "AAA")])
def test_every_speaker_has_a_label(number: int, label: str) -> None:
    """Letters, as many as it takes."""
    assert {passage.speaker for passage in _turned(Turn(0, 10_000, number)).passages} == {label}
