"""How well a sentence reads on its own: its length, and how much of it is hesitation, courtesy or pointing elsewhere."""

from __future__ import annotations

from services.reporter.analysis.extractive.phrases import COURTESY, INVITATION, QUESTION, Phrase
from services.reporter.analysis.sentences import Sentence
from services.reporter.analysis.words import is_chinese, length

_SHORT, _LONG = 9, 36
"""Between these lengths (`words.length`) a sentence is neither fragment nor flood."""
_HOPELESS = 0.2
"""So short that nothing else matters."""
_HESITATION = Phrase(
    r"\b(?:um+|uh+|er+|erm|hmm+|mm+|huh|like|you know|i mean|sort of|kind of|yeah|blah|whatever|anyway)\b",
    r"嗯+|呃+|哦|喔|欸|這個(?=[，,]|這個)|那個(?=[，,]|那個)|就是說|然後|對吧|對不對|怎麼說|什麼的|的話",
)
_STAMMER = Phrase(r"\b(\w+)[,\s]+\1\b|\w–\s|\.\.\.|…|--", r"([一-鿿]{2,4})[，,]?\1")
_BROKEN_OFF = Phrase(r"[—–]\W*$")
_LEANING = Phrase(
    r"^(?:(?:and|but|so|well|or|because|cause|then|plus|also)\W+)*(?:he|she|they|it|that|this|those|these|which|there|him|them)"
    r"(?:'s|'re|'ll|'ve)?\b",
    r"^(?:他|她|它|那個|這個|這|那|其|而且|但是|所以|因為|然後|或者|還有)",
)
"""Begins with a word that points at what was said before."""
_PROCEDURE = Phrase(
    r"\b(?:next slide|can you hear|(?:share|see) (?:my|your|the) screen|mute|recording|go (?:on|ahead) to the next|moving on|"
    r"agenda item|item \d+|questions? (?:now )?(?:from|on|around|about)|supplementary|i(?:'ll| will) (?:hand|pass|bring|come|"
    r"move|turn|go)\b.{0,20}\b(?:over|back|on|to)|"
    r"(?:your|my|the|his|her) name|introduce (?:myself|yourself))\b",
    r"下一[張頁位題]|下一個問題|第[一二三四五]個問題|聽得到|看得到(?:我的)?(?:螢幕|畫面)|分享螢幕|靜音|我(?:先|"
    r"來)?(?:簡單)?(?:說|講|談|聊|回答)(?:一下|幾句|兩句)|我叫"
    r"|自我介紹|時間(?:關係|有限|控制)|超時|控制(?:一下)?時間|上[台臺]|入座|合影|主持人",
)


_FLAWS = (
    (QUESTION, 0.4),
    (COURTESY, 0.35),
    (INVITATION, 0.4),
    (_PROCEDURE, 0.5),
    (_LEANING, 0.75),
    (_BROKEN_OFF, 0.5),
)
"""What a sentence may have, and how much of its quality that leaves."""


def quality(sentence: Sentence, folded: str) -> float:
    """From 0 to 1: how fit a sentence is to stand in a report."""
    fitness = _fit(length(sentence.text))
    if fitness < _HOPELESS:
        return fitness / 2
    fitness *= fluency(folded)
    fitness *= 0.2 if sentence.doubtful else 1.0
    fitness *= 1.0 if sentence.whole else 0.7
    for flaw, left in _FLAWS:
        if flaw.search(folded):
            fitness *= left
    return fitness


def _fit(words: int) -> float:
    if words < _SHORT:
        return (words / _SHORT) ** 2
    return 1.0 if words <= _LONG else max(0.5, _LONG / words)


def fluency(folded: str) -> float:
    """From 0 to 1: how little of a sentence is hesitation and repetition."""
    size = max(1.0, len(folded) / 12 if is_chinese(folded) else len(folded.split()) / 6)
    stumbles = _HESITATION.count(folded) + 1.5 * _STAMMER.count(folded)
    return max(0.2, 1 - 0.3 * stumbles / size)
