"""How well a sentence reads on its own: its length, and how much of it is hesitation, courtesy or pointing elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.reporter.analysis.extractive.passages import Lines
from services.reporter.analysis.extractive.phrases import COURTESY, INVITATION, QUESTION, Phrase
from services.reporter.analysis.extractive.vectors import Floats
from services.reporter.analysis.sentences import Sentence
from services.reporter.analysis.words import Size

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


def qualities(sentences: Sequence[Sentence], lengths: Floats, fluency: Floats, lines: Lines) -> Floats:
    """From 0 to 1: how fit each sentence is to stand in a report."""
    fit = np.where(lengths < _SHORT, (lengths / _SHORT) ** 2, np.minimum(1.0, np.maximum(0.5, _LONG / np.maximum(1, lengths))))
    fitness = fit * fluency
    fitness *= np.where([one.doubtful for one in sentences], 0.2, 1.0)
    fitness *= np.where([one.whole for one in sentences], 1.0, 0.7)
    for phrase, left in _FLAWS:
        fitness[phrase.found(lines)] *= left
    return np.where(fit < _HOPELESS, fit / 2, fitness)


def fluencies(folded: Sequence[str], sizes: Sequence[Size], lines: Lines) -> Floats:
    """From 0 to 1: how little of each sentence is hesitation and repetition."""
    stumbles = np.zeros(len(sizes), dtype=np.float64)
    for phrase, weight in ((_HESITATION, 1.0), (_STAMMER, 1.5)):
        np.add.at(stumbles, [one.number for one in phrase.among(lines)], weight)
    spaces = [max(1.0, _space(text, size.chinese)) for text, size in zip(folded, sizes, strict=True)]
    return np.maximum(0.2, 1 - 0.3 * stumbles / np.array(spaces, dtype=np.float64))


def _space(folded: str, chinese: bool) -> float:
    """How much of a text there is for one stumble."""
    return len(folded) / 12 if chinese else len(folded.split()) / 6
