"""Finds sentences worth repeating: whole, plain, and with something said in them."""

from __future__ import annotations

from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.extractive.phrases import Phrase
from services.reporter.analysis.words import length
from shared.schemas.solutions import LocalisedTerms

_SHORTEST, _LONGEST = 8, 32
_IDEAL = (10, 24)
_LEAST_FLUENCY = 0.85

_POINTED = Phrase(
    r"\bnot\b.{3,60}\bbut\b|\bisn't\b.{3,60}\bit's\b|\bthe (?:only|best|worst|most|real|whole|first|hardest|biggest)\b|"
    r"\b(?:never|always|nobody|everybody|everyone|nothing|everything"
    r"|impossible|must|without)\b|\bmore (?:than|\w+ than)\b|\b(?:less|better|rather|worse) than\b|\bno \w+ (?:can|will|"
    r"should)\b",
    r"不是[^。]{2,30}而是|不在於|與其[^。]{2,20}不如|只有[^。]{2,20}才|沒有[^。]{2,16}就沒有|越[^。]{1,12}越|"
    r"不管[^。]{2,20}都|即使[^。]{2,20}也|一定|永遠|從來|唯一|最(?!近|後|初|多)|才是|關鍵|本質|真正|核心|必須|不可能|"
    r"不僅[^。]{2,20}",
)
_FELT = Phrase(
    r"\b(?:i (?:believe|think|feel|love|hate|learned|realised|realized|remember|dream|hope)|we (?:believe|owe|deserve)|life|"
    r"heart|truth|fear|future|courage|trust|children|freedom|dream|change)\b",
    r"我(?:相信|認為|覺得|希望|記得|學到|發現)|人生|生命|未來|夢想|相信|勇氣|信任|價值|意義|改變|孩子|自由|初心",
)
_COMPARED = Phrase(r"\b(?:like a|like an|as if|as though|is like)\b", r"就像|好比|如同|像是一|彷彿")
_SPIRIT = ((_POINTED, 0.35), (_FELT, 0.2), (_COMPARED, 0.2))


def find_quotes(material: Material, cues: LocalisedTerms) -> list[tuple[int, float]]:
    """The numbers of the sentences with how memorable each is, the most memorable first; what matches the cues is so too."""
    matches = material.matches(cues)
    found = []
    for number, sentence in enumerate(material.sentences):
        size = length(sentence.text)
        if not sentence.whole or sentence.doubtful or not _SHORTEST <= size <= _LONGEST or material.quality[number] < 0.55:
            continue
        folded = material.folded[number]
        spirit = sum(weight for phrase, weight in _SPIRIT if phrase.search(folded)) + 0.4 * min(1.0, float(matches[number]))
        if not spirit or material.fluency[number] < _LEAST_FLUENCY:
            continue
        measured = 1.0 if _IDEAL[0] <= size <= _IDEAL[1] else 0.8
        worth = (0.3 + spirit) * measured * float(material.quality[number]) * (0.5 + float(material.centrality[number]))
        found.append((number, round(worth, 9)))
    return sorted(found, key=lambda one: (-one[1], one[0]))
