"""Who plays which part, where names, self-introductions or the parts' cues leave little doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.reporter.analysis.extractive.cues import Cues
from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.extractive.phrases import QUESTION
from services.reporter.analysis.words import fold
from shared.schemas.reports import SpeakerRole
from shared.schemas.solutions import Role

_NAMED = 12.0
_INTRODUCED = 8.0
_PAIR = 2
_LEAST = 4.0
_LEAST_OF_PAIR = 2.5
_HABIT = 3.0
_MOSTLY = 0.6
"""Of all questions, or of all words."""
_ASKING_PARTS = frozenset(("interviewer", "host", "moderator"))
_SPEAKING_PARTS = frozenset(("lecturer", "teacher", "trainer", "presenter"))
"""Parts, by the ids that scenarios give them, that are known by asking or speaking most."""
_LEAD = 2.5
"""The score of whoever plays a part must be this many times the next one's."""
_SELF_ENGLISH = (
    "i'm the {0}",
    "i am the {0}",
    "i'm a {0}",
    "i am a {0}",
    "i'm your {0}",
    "i'm an {0}",
    "i am an {0}",
    "my role is {0}",
    "as the {0}",
    "as your {0}",
)
_SELF_CHINESE = (
    "我是{0}",
    "我就是{0}",
    "我擔任{0}",
    "作為{0}",
    "身為{0}",
    "我是今天的{0}",
    "我是您的{0}",
    "我是你的{0}",
    "我是本次{0}",
)


def find_roles(material: Material) -> tuple[SpeakerRole, ...]:
    """The parts that are clear, in the template's order; a part may have one speaker, and a speaker one part."""
    roles = material.brief.solution.roles
    scores = {role.id: _scores(material, role) for role in roles}
    if len(roles) == len(material.speakers) == _PAIR:
        return _titled(material, _shared_out(scores, material.speakers))
    given: dict[str, str] = {}
    pairs = [(score, role.id, speaker) for role in roles for speaker, score in scores[role.id].items()]
    for score, role_id, speaker in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if role_id not in given and speaker not in given.values() and _clear(score, speaker, scores[role_id], given):
            given[role_id] = speaker
    return _titled(material, given)


def _titled(material: Material, given: dict[str, str]) -> tuple[SpeakerRole, ...]:
    language = material.brief.language
    return tuple(
        SpeakerRole(speaker_id=given[role.id], role=role.id, title=role.label[language], source="cues")
        for role in material.brief.solution.roles
        if role.id in given
    )


def _shared_out(scores: dict[str, dict[str, float]], speakers: Sequence[str]) -> dict[str, str]:
    """Two parts among two speakers: the one way round or the other, where one is much likelier; else neither."""
    (first, second), (one, other) = scores, speakers
    straight = scores[first][one] + scores[second][other]
    crossed = scores[first][other] + scores[second][one]
    if max(straight, crossed) < _LEAST_OF_PAIR or max(straight, crossed) < _LEAD * min(straight, crossed):
        return {}
    return {first: one, second: other} if straight > crossed else {first: other, second: one}


def _clear(score: float, speaker: str, scores: dict[str, float], given: dict[str, str]) -> bool:
    others = [other for id_, other in scores.items() if id_ != speaker and id_ not in given.values()]
    return score >= _LEAST and score >= _LEAD * max(others, default=0.0)


def _scores(material: Material, role: Role) -> dict[str, float]:
    """How much speaks for each speaker: the name, what they call themselves, and how often per hundred words the part's cues
    stand in what they say."""
    labels = [fold(label).lower() for label in role.label.values()]
    introductions = [phrase for label in labels for phrase in _introductions(label)]
    hits = dict.fromkeys(material.speakers, 0.0)
    said = dict.fromkeys(material.speakers, 1)
    for sentence, folded, words in zip(material.sentences, material.folded, material.lengths, strict=True):
        speaker = sentence.speaker_id
        if speaker is None:
            continue
        said[speaker] += int(words)
        lower = folded.lower()
        hits[speaker] += _INTRODUCED * any(phrase in lower for phrase in introductions)
    for numbers in Cues(role.cues).found(material.passages):
        for speaker in (material.sentences[number].speaker_id for number in sorted(numbers)):
            if speaker is not None:
                hits[speaker] += 1
    average = sum(said.values()) / max(1, len(said))
    if role.id in _ASKING_PARTS and (asker := _who_mostly(_questions(material))):
        hits[asker] += _HABIT * said[asker] / average
    if role.id in _SPEAKING_PARTS and (talker := _who_mostly(said)):
        hits[talker] += _HABIT * said[talker] / average
    names = {one.id: fold(one.name or "").lower() for one in material.brief.transcript.speakers}
    return {
        speaker: round(
            hits[speaker] * min(2.0, average / said[speaker])
            + _NAMED * any(label in names.get(speaker, "") for label in labels),
            9,
        )
        for speaker in material.speakers
    }


def _questions(material: Material) -> dict[str, int]:
    """How many questions of substance each speaker asks."""
    asked = dict.fromkeys(material.speakers, 0)
    for number, sentence in enumerate(material.sentences):
        if sentence.speaker_id is not None and QUESTION.search(material.folded[number]) and len(material.words[number]) > 1:
            asked[sentence.speaker_id] += 1
    return asked


def _who_mostly(counts: dict[str, int]) -> str | None:
    """Whoever has most of all, among several and with more than a few."""
    total = sum(counts.values())
    top = max(counts, key=lambda speaker: counts[speaker], default=None)
    return top if top is not None and len(counts) > 1 and counts[top] >= max(3, _MOSTLY * total) else None


def _introductions(label: str) -> Iterator[str]:
    for form in (*_SELF_ENGLISH, *map(fold, _SELF_CHINESE)):
        yield form.format(label)
