"""Turns of phrase to look for: regular expressions over folded text, so that one in Traditional Chinese finds both scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from services.reporter.analysis.extractive.passages import Found, Lines, scripts
from services.reporter.analysis.words import fold

_HAN = re.compile("[\u4e00-\u9fff]")


class Phrase:
    """A regular expression in lower case whose Chinese is folded before it is used; compiled at its first use. Each of its
    alternatives may have a group `who`. Alternatives in Chinese are looked for in texts with Chinese alone, others where there
    are letters or no Chinese. Where the pattern tells capitals from small letters it is `cased`, and slower."""

    def __init__(self, *alternatives: str, cased: bool = False) -> None:
        self._alternatives = alternatives
        self.cased = cased

    @cached_property
    def latin(self) -> re.Pattern[str] | None:
        """The alternatives without Chinese."""
        return self._compiled([one for one in self._alternatives if not _HAN.search(one)])

    @cached_property
    def chinese(self) -> re.Pattern[str] | None:
        """The alternatives in Chinese."""
        return self._compiled([one for one in self._alternatives if _HAN.search(one)])

    def search(self, folded: str) -> re.Match[str] | None:
        """A place where it stands."""
        text = self._lower(folded)
        return next((match for pattern in self._patterns(folded) if (match := pattern.search(text))), None)

    def match(self, folded: str) -> re.Match[str] | None:
        """Whether the text begins with it."""
        text = self._lower(folded)
        return next((match for pattern in self._patterns(folded) if (match := pattern.match(text))), None)

    def finditer(self, folded: str) -> Iterator[re.Match[str]]:
        """All places where it stands."""
        text = self._lower(folded)
        for pattern in self._patterns(folded):
            yield from pattern.finditer(text)

    def count(self, folded: str) -> int:
        """How often it stands there."""
        return sum(1 for _ in self.finditer(folded))

    def among(self, lines: Lines) -> Iterator[Found]:
        """All places where it stands in some sentences."""
        if self.chinese is not None:
            yield from lines.chinese.finditer(self.chinese)
        if self.latin is not None:
            yield from lines.latin.finditer(self.latin)

    def found(self, lines: Lines) -> list[int]:
        """The numbers of the sentences in which it stands."""
        return sorted({one.number for one in self.among(lines)})

    def _lower(self, folded: str) -> str:
        """In lower case, where that is as long."""
        lower = folded if self.cased else folded.lower()
        return lower if len(lower) == len(folded) else folded

    def _patterns(self, folded: str) -> Iterator[re.Pattern[str]]:
        latin, chinese = scripts(folded)
        if chinese and self.chinese is not None:
            yield self.chinese
        if latin and self.latin is not None:
            yield self.latin

    def _compiled(self, alternatives: list[str]) -> re.Pattern[str] | None:
        if not alternatives:
            return None
        numbered = (one.replace("(?P<who>", f"(?P<who{number}>") for number, one in enumerate(alternatives))
        return re.compile("|".join(map(fold, numbered)), re.MULTILINE | (re.IGNORECASE if self.cased else 0))


QUESTION = Phrase(r"[?？]\W*$", r"[?？][^\u4e00-\u9fff\w]*$|(?:嗎|呢|對吧|是不是|對不對|好不好|可不可以|行不行)[。，,\s]*$")
"""A question, also where the recogniser did not mark it."""
COURTESY = Phrase(
    r"\b(?:thank you|thanks|good (?:morning|afternoon|evening)|welcome|hello|hi everyone|nice to meet|my pleasure|goodbye|bye|"
    r"apologies|excuse me|sorry)\b",
    r"謝謝|感謝|多謝|辛苦了|大家好|各位好|[早午晚]安|[早上下晚]午好|你好|您好|歡迎|掌聲|有請|再見|抱歉|不好意思|很高興|"
    r"非常高興|榮幸",
)
"""Greetings, thanks and the like."""
INVITATION = Phrase(
    r"\b(?:can|could|would|may|will) (?:you|i (?:ask|invite))\b.*\b(?:tell (?:us|me|the)|explain|say|describe|talk|introduce|"
    r"think|"
    r"elaborate|comment|expand|repeat|clarify what|continue|state|hear (?:me|us)|share (?:your|a few|some)|walk us|run us "
    r"through)\b",
    r"\b(?:i(?:'d| would) (?:like|love) to (?:hear|invite|ask)|let(?:'s| us) hear|over to you|your (?:thoughts|views|take) "
    r"on)\b",
    r"\bplease (?:go ahead|tell us|introduce|join|welcome|come|sit|note that|continue|proceed|start|begin|state|share your)\b",
    r"有請|請問|請教(?:一下|您|你|各位|老師)|(?:請|想請|邀請|麻煩|勞駕|聽聽)[^，。]{0,18}(?:談談|聊聊|分享一下|分享您|分享你|"
    r"發表|介紹|說說|"
    r"說明一下|講講|講一下|回答|點評|看法|觀點|高見|上台|上臺|登場|發言|解釋|補充一下|展開|就座|入座|稍等|等一下|等一等|"
    r"多多指教|合影)",
    r"請(?:坐|進|看|聽|繼續|開始|大家看|各位看)|請[^，。]{0,10}(?:說明事情|說明.{0,6}(?:經過|狀況|原因)|談|聊(?!天)|"
    r"分享(?!給|檔|到)|說(?!服))",
)
"""A moderator's words that make somebody speak, and ask for nothing else."""
