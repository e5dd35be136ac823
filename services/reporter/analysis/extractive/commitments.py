"""How people undertake things and ask for them, in English and Chinese, and how much each turn of phrase is to be trusted."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from services.reporter.analysis.extractive.passages import Found, Lines
from services.reporter.analysis.extractive.phrases import Phrase
from services.reporter.analysis.extractive.verbs import CHINESE_DO, CHINESE_VERBS, DO


class Manner(enum.Enum):
    """Who is to do it, as far as the words tell."""

    SELF = enum.auto()
    """Whoever speaks."""
    GROUP = enum.auto()
    """Everybody, or nobody in particular."""
    ADDRESSED = enum.auto()
    """Whoever is spoken to."""
    NAMED = enum.auto()
    """Somebody who is named: the group `who`."""


class Turn(msgspec.Struct, frozen=True):
    """One turn of phrase."""

    manner: Manner
    weight: float
    """How likely a sentence with it is a real undertaking, from 0 to 1."""
    phrase: Phrase


_SOON = (
    r"(?:(?:also|just|then|definitely|probably|certainly|personally|"
    r"quickly|please|maybe|perhaps|kindly|both|all|go (?:and|ahead and)|"
    r"try (?:and|to)|be able to|make an effort to|need to|have to|want to|"
    r"still|now|again) ){0,3}"
)
_NAME = r"(?P<who>(?-i:\b[A-Z][\w'’-]+)(?: (?-i:[A-Z][\w'’-]+))?)"
_GROUPS = (
    r"(?P<who>\b(?:(?:finance|legal|design|project|support|development|product|marketing|sales|engineering|accounting|it|hr) "
    r"team"
    r"|the (?:team|department|group|committee|secretariat|clerks?|vendor|supplier|client|lawyers?|accountants?|engineers?|"
    r"designers?)"
    r"|marketing|sales|finance|legal|engineering|accounting|procurement|hr|it support))"
)

_ZH_GAP = r"[^，。！？,;；]{0,14}?"
_ZH_WHO = r"(?P<who>(?:[A-Za-z]+(?: [A-Z][a-z]+)?|[\u4e00-\u9fff]{1,7}?))\s?"

TURNS = (
    Turn(
        Manner.NAMED,
        0.5,
        Phrase(
            rf"{_NAME}(?:(?:,? (?:will|shall|is going to|is to|has to|needs to|agreed to|has agreed to|promised to|should)|'ll"
            rf"|,? (?:can|could|would|will) you|,(?: please| you(?:'ll| will| need to| should| have to| could| can))?) "
            rf"{_SOON}{DO}"
            r"| (?:will|is going to) be (?:doing|working on|handling|leading|running|writing|preparing|taking|looking)\b"
            r"| (?:is|will be) (?:responsible for|in charge of|taking care of))",
            rf"(?:can|could|would|will) {_NAME} {_SOON}{DO}",
            rf"(?:ask|get|want|need|have|let) {_NAME} (?:to )?{_SOON}{DO}",
            rf"{_GROUPS}(?:'ll| will| is going to| needs to| has to| should) {_SOON}{DO}",
            rf"assigned to {_NAME}",
            cased=True,
        ),
    ),
    Turn(
        Manner.SELF,
        0.5,
        Phrase(
            rf"\bi(?:'ll| will| shall|'m going to| am going to|'m gonna| can| could| promise to| plan to| intend to|'ve got "
            rf"to) {_SOON}{DO}",
            r"\b(?:i(?:'ll| will)|let me) (?:take (?:that|this|it|care)|do (?:it|that|this)|follow up|get back|sort|handle)\b",
            r"\bleave (?:it|that|this) (?:to|with) me\b|\bi(?:'m| am) (?:responsible for|taking care of|in charge of)\b",
        ),
    ),
    Turn(
        Manner.SELF,
        0.35,
        Phrase(
            rf"(?<!that )(?<!which )(?<!what )(?<!things )\b(?:i (?:need to|have to|must|should)|i(?:'d| would) (?:like|be "
            rf"happy) to|let me) {_SOON}{DO}"
        ),
    ),
    Turn(
        Manner.ADDRESSED,
        0.45,
        Phrase(
            rf"\b(?:can|could|would|will) you(?: guys| all| both)? {_SOON}{DO}",
            rf"\bplease (?:also )?{_SOON}{DO}",
            rf"\b(?:i|we)(?:'d| would)? (?:need|want|like|ask|expect|encourage) you (?:all |both )?to {_SOON}{DO}",
            rf"\byou(?:'ll| will| need to| have to| must|'re going to)(?: need to| have to)? {_SOON}{DO}",
            r"\b(?:don't forget to|remember to|be sure to|make sure (?:you|to|that you))\b",
            r"\b(?:i|we)(?:'ll| will| would)? (?:need|want|expect|require) (?:\w+ ){1,6}from (?:you|each of you|all of you|"
            r"everybody|everyone)\b",
            r"\bkeep (?:\w+ ){1,3}(?:in the loop|informed|posted|up to date)\b",
            rf"\bby when (?:\w+ ){{0,4}}(?:can|could|will)\b.{{0,20}}{DO}",
        ),
    ),
    Turn(Manner.GROUP, 0.4, Phrase(rf"\blet(?:'s| us) {_SOON}{DO}", r"\b(?:action (?:item|point)s?|to-?dos?)\b(?! list)")),
    Turn(
        Manner.GROUP,
        0.3,
        Phrase(rf"\bwe(?:'ll| will| shall|'re going to| are going to|'re gonna| need to| have to| must| should) {_SOON}{DO}"),
    ),
    Turn(
        Manner.NAMED,
        0.5,
        Phrase(
            rf"(?<![邀申聘])(?:請|麻煩|拜託|勞煩){_ZH_WHO}(?:這邊|那邊)?(?:在|於|先|再|幫|把|將|儘快|盡快|務必|也|明|後天|"
            rf"今天|下|本|這|月底|星期|禮拜|負責|協助|去|來|跟|和|準|確|整|提供|安排|聯|處理|追|回|寄|更)(?<!請)",
            rf"^{_ZH_WHO}[，,](?:那|就|再|也)?(?:麻煩|請|拜託)?(?:你|您|妳){_ZH_GAP}{CHINESE_DO}",
            rf"(?<!不)由{_ZH_WHO}(?:來|去)?(?:負責|統籌|主責|執行|處理|跟進|追蹤|安排|聯絡|聯繫|準備|提供|整理|撰寫|協調|"
            rf"規劃|辦理)",
            rf"(?:交給|交由|指派(?:給)?){_ZH_WHO}(?:來|去|負責|處理|$|[，。])",
            rf"{_ZH_WHO}(?<!我)(?<!我們)(?:這邊)?(?:負責|會負責)(?!人|任)",
            rf"{_ZH_WHO}(?:這邊)?(?:會|要|再|來|去|得|需要){_ZH_GAP}{CHINESE_DO}",
            cased=True,
        ),
    ),
    Turn(
        Manner.SELF,
        0.5,
        Phrase(
            rf"我(?:這邊|自己|本人)?(?:就|也|會再|再)?(?:會(?!覺得|認為|想|說|講|建議|比較)|來|再|去|負責|一定|馬上|盡快|"
            rf"儘快|今[天晚]|明[天早]|後天|下個?[週周星禮月]|這[週周]|回去|會後|等一下|等下|稍後|先|幫[你您妳大他她])(?!請|"
            rf"問){_ZH_GAP}{CHINESE_DO}",
            r"我(?:來|會)?負責(?!人|任)|(?:交給|包在)我(?:來|身上|吧|就好|$|[，。])|由我(?:來|去|負責|這邊)",
        ),
    ),
    Turn(
        Manner.ADDRESSED,
        0.45,
        Phrase(
            rf"(?<![邀申聘有])(?:請|麻煩|拜託|勞煩|還請)(?:你|您|妳|你們|大家|各位|同仁|同學們?)?{_ZH_GAP}{CHINESE_DO}",
            rf"(?:記得|務必|別忘了|不要忘[記了]|一定要){_ZH_GAP}{CHINESE_DO}",
            rf"(?:你|您|妳|你們)(?:這邊|那邊|先|再)?(?:能不能|可不可以|可以|能|要|需要|必須|得|先|再|幫(?:我|忙)|回去|"
            rf"負責)(?!不){_ZH_GAP}{CHINESE_DO}",
        ),
    ),
    Turn(
        Manner.GROUP,
        0.3,
        Phrase(
            rf"(?:我們|咱們)(?:這邊)?(?:就|再|先)?(?:會|來|再|要|需要|必須|得|應該|先|下[週周次個]|明天|"
            rf"馬上){_ZH_GAP}{CHINESE_DO}"
        ),
    ),
    Turn(Manner.GROUP, 0.45, Phrase(r"(?:待辦事項|行動項目|後續追蹤|後續事項|追蹤事項|負責人是)")),
)

_HINTS = frozenset(
    re.findall(
        r"[\w'-]+",
        """
        i'll we'll will shall going gonna can could would please need needs want like ask expect require have has
        must should let let's promise plan intend got leave assigned responsible charge care by keep remember
        forget sure action actions to-do to-dos agreed promised get he'll she'll they'll you'll i'd i'm we're
        you're
        """,
    )
)
_NAME_HINT = re.compile(r"\b[A-Z][\w-]+(?:'ll\b|, (?:please )?[a-z])")
_WORD = re.compile(r"[a-z][a-z'-]*")
_CHINESE_HINT = Phrase(CHINESE_VERBS, r"負責|交給|交由|指派|記得|務必|別忘|待辦|行動項目|後續|追蹤")


def may_ask(folded: Sequence[str], lines: Lines) -> list[int]:
    """The numbers of the sentences in which it is worth while to look for a turn of phrase: a quick look that misses none."""
    hinted = set(_CHINESE_HINT.found(lines))
    return [number for number, text in enumerate(folded) if number in hinted or _is_hinted(text)]


def _is_hinted(folded: str) -> bool:
    plain = folded if folded.isascii() else folded.replace("’", "'")
    return not _HINTS.isdisjoint(_WORD.findall(plain.lower())) or _NAME_HINT.search(plain) is not None


class Way(NamedTuple):
    """How a sentence asks for something or undertakes it, and where it names who is to do it."""

    turn: Turn
    who: tuple[int, int] | None


def find_ways(folded: Sequence[str], numbers: Sequence[int]) -> dict[int, list[Way]]:
    """The ways in which some of the sentences do, by their numbers."""
    plain, cased = Lines(folded, numbers), Lines(folded, numbers, cased=True)
    ways: dict[int, list[Way]] = {}
    for turn in TURNS:
        for found in turn.phrase.among(cased if turn.phrase.cased else plain):
            ways.setdefault(found.number, []).append(Way(turn, _who(found)))
    return dict(sorted(ways.items()))


def _who(found: Found) -> tuple[int, int] | None:
    """The place in the sentence of the group `who`."""
    group = next((name for name, said in found.match.groupdict().items() if said), None)
    if group is None:
        return None
    begin, end = found.match.span(group)
    return begin - found.begin, end - found.begin


PROCEDURE = Phrase(
    r"\b(?:in a (?:minute|second|moment)|right now|quickly|briefly|a little bit|first of all|for a moment|real quick|next "
    r"slide|for you all|"
    r"(?:ask|give|get|add|raise|present|share|report|run|cover|do|make|put|read|take) (?:you |me |us |in )?(?:a|one|another|"
    r"some|my|the|any|this|that|an)? ?(?:\w+ )?"
    r"(?:question|questions|example|examples|point|introduction|overview|presentation|summary|idea|opening|exercise|"
    r"training|moment|look|seat|break|vote|sense|flavour|picture))\b",
    r"掌聲|接下來|首先|先(?:來)?(?:看|講|談|介紹)|等一下(?:再)?(?:講|談|說|介紹)|(?:回答|補充|分享|請教|介紹|說明|講|"
    r"問)(?:一下|"
    r"一個|幾個|兩個|幾點|兩點)|舉(?:個|一個)例",
)
"""Speaks of the talk itself, not of work that is left when it is over."""
HYPOTHETICAL = Phrase(
    r"\b(?:if (?:you|we|i|they|he|she|someone|somebody|people)|would have|could have|should have|used to|whether|suppose|"
    r"imagine|(?<!by )when (?:you|people|they)|unless|hypothetically"
    r"|(?:have|has|had|'ve) already|was going to|were going to|whenever|every time|usually|in general|people|one could|"
    r"might be able)\b",
    r"如果|假如|要是|假設|的時候|當(?:你|我|他)|本來|原本|已經(?!請)|曾經|當時|以前|那時|往往|通常|一般來說|比如|例如|"
    r"為什麼|怎麼|就會|才會|不會|都會|都要|就能",
)
"""Speaks of what might be, of what was, or of what people do in general."""
ACCEPTANCE = Phrase(
    r"^\W*(?:(?:yes|yeah|yep|sure|okay|ok|of course|absolutely|certainly|no problem|will do|right|got it|understood|fine|"
    r"alright|great|happy to|i will|i'll|i can|by)\b)",
    r"^\W*(?:好|可以|沒問題|行|ok|收到|了解|明白|是|對|嗯|當然|我會|我來)",
)
"""How somebody takes on what they are asked for."""
