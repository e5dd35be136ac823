"""Tells whether a statement says the opposite of the words it rests on, as far as their negations tell."""

from __future__ import annotations

import re

from services.reporter.analysis.words import content_words, fold, is_chinese
from services.reporter.characters import HAN

_REACH = re.compile(rf"(?:\W*(?:[{HAN}]{{1,2}}|[^\W{HAN}]+)){{0,4}}")
"""So many words after a negation are what it negates: four, or Chinese characters by twos."""

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
    r"\b(?:refus\w+|reject\w*|declin\w+|den(?:y|ies|ied)|disagree\w*|fail\w*|lack\w*|unable|impossible|unlikely|unclear"
    r"|unknown|undecided|cancel\w*|avoid\w*|stop\w*|against|hardly|rarely|barely|without|instead|except|only|until|unless"
    r"|wrong|incorrect|missing|absen\w+|prevent\w*|prohibit\w*|forbid\w*|drop\w*|postpon\w*|delay\w*|less|un\w{4,}|in(?:valid|complete"
    r"|sufficient|capable|correct|consistent)\w*)\b"
    r"|拒|反对|否|取消|停|避免|缺|难|少|失|禁|免|暂缓|延|除|错|才|仅|尚|只"
)
"""Words that deny something by themselves, for comparing languages."""


def contradicts(statement: str, said: str) -> bool:
    """Whether one affirms what the other negates. In one language the words behind the negation are compared; across languages
    only whether there is any negation at all."""
    statement, said = (_ASIDES.sub(" ", fold(text).lower()) for text in (statement, said))
    if is_chinese(statement) != is_chinese(said):
        return _only_one_denies(statement, said)
    return _affirms_denied(statement, said) or _affirms_denied(said, statement)


def _only_one_denies(statement: str, said: str) -> bool:
    plain = [_NOT.search(text) is not None for text in (statement, said)]
    widely = [denied or _REFUSAL.search(text) is not None for denied, text in zip(plain, (statement, said), strict=True)]
    return (plain[0] and not widely[1]) or (plain[1] and not widely[0])


def _affirms_denied(one: str, other: str) -> bool:
    """Whether a text affirms what the other denies and nowhere affirms. Where both deny the same, they agree."""
    affirmed, denied = _scopes(one)
    others_affirmed, others_denied = _scopes(other)
    return denied.isdisjoint(others_denied) and not affirmed.isdisjoint(others_denied - others_affirmed)


def _scopes(text: str) -> tuple[set[str], set[str]]:
    """The words that are affirmed, and those that are negated."""
    affirmed, denied = set[str](), set[str]()
    for clause in _CLAUSE.split(text):
        before, *negated = _NOT.split(clause)
        affirmed.update(content_words(before))
        for part in negated:
            reached = _REACH.match(part)
            assert reached is not None
            denied.update(content_words(reached.group()))
            affirmed.update(content_words(part[reached.end() :]))
    return affirmed, denied
