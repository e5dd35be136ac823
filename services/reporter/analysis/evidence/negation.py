"""Tells whether a statement says the opposite of the words it rests on, as far as their negations tell."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from services.reporter.analysis.evidence.overlap import carrying
from services.reporter.analysis.words import fold, is_chinese
from services.reporter.characters import HAN

_REACH = re.compile(rf"(?:\W*(?:[{HAN}]{{1,2}}|[^\W{HAN}]+)){{0,4}}")
"""So many words after a negation are what it negates: four, or Chinese characters by twos."""

_SHARED = 2
"""Words that two clauses have in common if they speak of the same."""

_CLAUSE = re.compile(
    r"[,.;:!?，。；：！？、—]|\b(?:but|however|because|although|so|and|then|that|if|which|who)\b|'cause\b|但是?|而是?|因为|所以|然后|并且"
)

_ASIDES = re.compile(
    r"\b(?:not only|not just|why not|whether or not|if not|no doubt|no problem|can(?:no|')t wait|not to mention"
    r"|(?:is|are|do|does|did|was|were|would|could|should|have|has|wo|ca)n['’]?t (?:it|you|we|they|he|she|that)\b\s*\?)"
    r"|不仅|不但|不只|不光|不过|不错|不同意见|不好意思|对不起|差不多|不得不|要不要|是不是|能不能|可不可以|会不会|好不好|有没有|对不对"
    r"|行不行|不管|不论|无论|不然|要不然|不久|不少|不断|不如|不妨|说不定|不一定|没关系|没问题|没错|无非|未来|非常|非得|别人|别的|分别"
    r"|特别|区别|个别|类别|性别|级别"
)
"""Where a negation negates nothing, or is asked for."""

_NOT = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|neither|nor|without|cannot|\w+n['’]t|dont|wont|cant|didnt|doesnt|isnt)\b"
    r"|不|没有|没|未|无|勿|别|非(?!常)"
)
_REFUSAL = re.compile(
    r"\b(?:doubt\w*|refus\w+|reject\w*|declin\w+|den(?:y|ies|ied)|disagree\w*|fail\w*|lack\w*|unable|impossible|unlikely|unclear"
    r"|unknown|undecided|cancel\w*|avoid\w*|stop\w*|against|hardly|rarely|barely|without|instead|except|only|until|unless"
    r"|wrong|incorrect|missing|absen\w+|short\w*|prevent\w*|prohibit\w*|forbid\w*|drop\w*|postpon\w*|delay\w*|less|un\w{4,}|in(?:valid|complete"
    r"|sufficient|capable|correct|consistent)\w*)\b"
    r"|拒|反对|否|取消|停|避免|缺|难|少|失|禁|免|暂缓|延|除|错|才|仅|尚|只"
)
"""Words that deny something by themselves, for comparing languages."""


def contradicts(statement: str, said: str) -> bool:
    """Whether one affirms what the other negates. In one language clauses that speak of the same are compared; across languages
    only whether there is any negation at all."""
    statement, said = (_ASIDES.sub(" ", fold(text).lower()) for text in (statement, said))
    if is_chinese(statement) != is_chinese(said):
        return _only_one_denies(statement, said)
    told, heard = _clauses(statement), _clauses(said)
    if not _all(one.denied for one in told).isdisjoint(_all(one.denied for one in heard)):
        return False  # Both deny the same.
    return _opposed(told, heard) or _opposed(heard, told)


def _only_one_denies(statement: str, said: str) -> bool:
    plain = [_NOT.search(text) is not None for text in (statement, said)]
    widely = [denied or _REFUSAL.search(text) is not None for denied, text in zip(plain, (statement, said), strict=True)]
    return (plain[0] and not widely[1]) or (plain[1] and not widely[0])


class _Clause(msgspec.Struct, frozen=True):
    """The words of a clause that carry meaning: those that stand free, and those that are negated."""

    free: frozenset[str]
    denied: frozenset[str]
    affirms: bool
    """Nothing in it denies anything."""


def _opposed(affirming: list[_Clause], denying: list[_Clause]) -> bool:
    """Whether a clause affirms what one of the others, about the same, denies, and none of them affirms."""
    affirmed = _all(one.free for one in denying)
    for one in affirming:
        for other in denying if one.affirms else ():
            shared = one.free & (other.free | other.denied)
            close = len(shared) >= _SHARED or 2 * len(shared) >= len(one.free)
            if close and shared & other.denied - affirmed:
                return True
    return False


def _all(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


def _clauses(text: str) -> list[_Clause]:
    return [_clause(clause) for clause in _CLAUSE.split(text) if clause.strip()]


def _clause(text: str) -> _Clause:
    begin, *parts = _NOT.split(text)
    free, denied = set(carrying(begin)), set[str]()
    for part in parts:
        reached = _REACH.match(part)
        assert reached is not None
        denied.update(carrying(reached.group()))
        free.update(carrying(part[reached.end() :]))
    return _Clause(frozenset(free), frozenset(denied), affirms=not (parts or _REFUSAL.search(text)))
