"""Turns of phrase to look for: regular expressions over folded text, so that one in Traditional Chinese finds both scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from services.reporter.analysis.words import fold


class Phrase:
    """A regular expression whose Chinese is folded before it is used; compiled at its first use. Each of its alternatives may
    have a group `who`."""

    def __init__(self, *alternatives: str) -> None:
        self._alternatives = alternatives

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The expression itself."""
        numbered = (one.replace("(?P<who>", f"(?P<who{number}>") for number, one in enumerate(self._alternatives))
        return re.compile("|".join(map(fold, numbered)), re.IGNORECASE)

    def search(self, folded: str) -> re.Match[str] | None:
        """The first place where it stands."""
        return self.pattern.search(folded)

    def match(self, folded: str) -> re.Match[str] | None:
        """Whether the text begins with it."""
        return self.pattern.match(folded)

    def finditer(self, folded: str) -> Iterator[re.Match[str]]:
        """All places where it stands."""
        return self.pattern.finditer(folded)

    def count(self, folded: str) -> int:
        """How often it stands there."""
        return sum(1 for _ in self.pattern.finditer(folded))


QUESTION = Phrase(r"[?？]\W*$", r"(?:嗎|呢|對吧|是不是|對不對|好不好|可不可以|行不行)[。，,\s]*$")
"""A question, also where the recogniser did not mark it."""
COURTESY = Phrase(
    r"\b(?:thank you|thanks|good (?:morning|afternoon|evening)|welcome|hello|hi everyone|nice to meet|my pleasure|goodbye|bye|"
    r"apologies|excuse me|sorry)\b",
    r"謝謝|感謝|多謝|辛苦了|大家好|各位好|[早午晚]安|[早上下晚]午好|你好|您好|歡迎|掌聲|有請|再見|抱歉|不好意思|很高興|"
    r"非常高興|榮幸",
)
"""Greetings, thanks and the like."""
INVITATION = Phrase(
    r"\b(?:(?:can|could|would|may) (?:you|i (?:ask|invite|ask you to))|(?:i(?:'d| would) (?:like|love) (?:you )?to (?:hear|"
    r"invite|ask)"
    r"|let(?:'s| us) hear)|over to you|your (?:thoughts|views|take)|please (?:go ahead|tell us|introduce|join|welcome|come|sit"
    r"|note that|continue|proceed|start|begin|state))\b(?=.*\b(?:tell|explain|say|describe|talk|share|introduce|thoughts?|"
    r"views?|hear|"
    r"think|elaborate|comment|expand|start|begin|go|repeat|clarify|sit|join|continue|state)\b|.{0,12}$)",
    r"有請|請問|(?:請|想請|邀請|麻煩|勞駕|聽聽)[^，。]{0,18}(?:談|聊|分享|發表|介紹|說|講|回答|點評|看法|觀點|觀點|高見|上台|"
    r"上臺|登場|發言|解釋|補充"
    r"|展開|教|坐|就座|入座|進|開始|繼續|稍等|等一下|等一等|看|聽|注意|關注|期待|多多指教|歡迎|合影)",
)
"""A moderator's words that make somebody speak, and ask for nothing else."""
