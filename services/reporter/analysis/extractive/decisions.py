"""Finds what was settled."""

from __future__ import annotations

from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.extractive.passages import Lines
from services.reporter.analysis.extractive.phrases import COURTESY, INVITATION, QUESTION, Phrase

_LEAST = 0.45
_SHORTEST, _LONGEST = 4, 60

_SETTLED = Phrase(
    r"\bwe(?:'ve| have)?(?: all| now| just| both)? (?:decided|agreed|settled|concluded|resolved|voted|approved|opted)(?: "
    r"(?:that|to|on|for|upon|against))?\b(?! (?:with (?:you|him|her|them)|when|how much))",
    r"\bthe(?: [\w$€£%'-]+){1,8} (?:is|are) (?:now |hereby |all |both )?(?:agreed|approved|adopted|carried|settled|confirmed)"
    r"(?= ?(?:[.,;!]|then\b|now\b|unanimously\b|$))",
    r"\b(?:it|that|this|everything|the(?: \w+){1,3})(?:'s| is| was| has been|'s been| are| have been) (?:now |hereby |all "
    r")?(?:decided|agreed|settled|approved|adopted|carried|accepted|confirmed|final)\b(?! (?:by|when|how|on a case))",
    r"\b(?:agreed|approved|adopted|carried) (?:unanimously|by (?:consensus|all|a majority)|without)|"
    r"\bunanimous(?:ly)?\b.{0,30}\b(?:agree|approv|adopt|support)",
    r"\b(?:the|our|my) (?:final )?(?:decision|conclusion|verdict) (?:is|was|will be)\b|\bfinal decision\b|\b(?:motion|"
    r"resolution|proposal|amendment|minutes) (?:is|are|was|were) (?:carried|adopted|agreed|approved|passed|accepted)\b",
    r"\b(?:so |then |okay,? )?(?:we(?:'ll| will|'re going to| are going to|'re gonna)|let's) (?:just |definitely |all |then "
    r")?(?:go (?:with|for|ahead with|forward with)|stick (?:with|to)|settle (?:on|for)|adopt|opt for|drop|postpone|cancel|"
    r"freeze|launch)\b",
    r"\bwe(?:'re| are) (?:not going to|going with|going for|sticking with|dropping|postponing|cancelling|keeping)\b|\b(?:is|"
    r"are) everyone (?:happy|agreed|in favour)\b.{0,5}agreed",
    r"\bdecision made\b|\bthat settles it\b|\bso it's settled\b|\bwe have a decision\b|\bit has been decided\b",
)
_SETTLED_CHINESE = Phrase(
    r"(?:決議|裁示)(?:是|為|：|:|如下|就是|[，,]|通過)|(?:做|作)(?:出|成)(?:了)?(?:以下|這個|一個)?(?:決議|決定|結論)|"
    r"(?:今天|本次|會議|最後|最終)的?(?:決議|結論|決定)",
    r"(?:我們|大家|公司|會議|董事會|委員會|雙方|團隊|最後|最終|後來|已經|一致|那就|就|共同|管理層|"
    r"主管)[^，。！？]{0,6}(?:決定|同意|議定|敲定|拍板|核准|批准|談定|說定|講定)(?!性|權|於|不|書|因素|嗎|的話|這個看法|你|"
    r"您|他的)",
    r"(?:照案|一致|無異議|表決|全數|全體|決議|投票|正式|多數|鼓掌)(?:同意)?通過|(?:案|提案|預算|方案|議案|計畫|條例|"
    r"動議)[^，。]{0,4}通過(?!程|路|率|的話|這)|通過了(?!這|那|一)",
    r"(?:就|那就|那我們就|先)(?:這樣|這麼)(?:定|決定|辦|敲定|說定|做|處理|執行)(?:了|吧|好|[，。]|$)|定案|拍板(?:定案)?|"
    r"敲定|說定了|一言為定|達成(?:了)?(?:共識|協議|一致)",
    r"(?:那|那麼|所以|好|最後|最終)?[，,]?(?:我們)?(?:確定|決定)(?:了)?(?:要|用|採|就|以|由|先|不|將|把|延|改|選|在|"
    r"下)(?!不)|(?:就|那就|決定)(?:選|採用|用|改成|改為|延到|訂在|定在|排在)[^，。]{1,24}(?:吧|了|好了|方案|版|案|[。]|$)",
    r"(?<!個)結論(?:是|就是|：|:)|(?:同意|核准|批准)(?:採用|以|按|照|由|動支|撥款|此案|本案|這個(?:方案|提案|案子|預算))",
)
_HINT_CHINESE = Phrase(
    r"決議|裁示|決定|結論|同意|議定|敲定|談定|說定|講定|確定|一言為定|定案|拍板|核准|批准|通過|達成|就這|先這|就選|就採用|就用|"
    r"就改|就延到|就訂在|就定在|就排在"
)
"""What stands in every sentence in which `_SETTLED_CHINESE` does; much faster to look for."""
_OPEN = Phrase(
    r"\b(?:not|never|haven't|hasn't|didn't|don't|isn't|wasn't|can't|cannot|nothing|before|until|once|need to|have to|must|"
    r"should|yet to|to be|still|later|who|how)\b.{0,14}\b(?:decide|decided|agree|agreed|settled|approved|confirmed|decision|"
    r"final)\b",
    r"(?:還沒|沒有|沒|未|尚未|不|無法|待|再|如何|怎麼|誰|才能|(?<![重主])要|應該|必須|由[^，。]{1,8}|來|去|自己|自行|誰來|"
    r"可以)(?:辦法)?(?:決定|定案|拍板|通過|同意|確定|達成)|決定(?:權|性|因素|於|了[^，。]{0,8}(?:命運|成敗|高度|未來|走向|"
    r"結果))|不通過|通不過",
)
_TALE = Phrase(
    r"\b(?:back then|in (?:the )?(?:19|20)\d\d|years? ago|at the time|historically|they decided|he decided|she decided|"
    r"parliament|i(?:'ve| have)? decided)\b",
    r"當時|那時候?|當年|以前|後來他|他們決定|(?:19|20)\d\d\s?年|幾年前|小時候|我(?:就|自己|個人)?決定",
)
_IF = Phrase(
    r"\b(?:once|when|until|before|after|as soon as|as long as) (?:[\w'-]+ ){1,9}(?:is|are) (?:\w+ )?"
    r"(?:agreed|approved|adopted|carried|settled|confirmed)"
    r"|\b(?:if|unless|whether|suppose|imagine|would have|could have|should have)\b",
    r"如果|假如|要是|假設|的話|除非",
)
_STRONG = Phrase(
    r"\b(?:decided|agreed|decision|unanimous|approved|adopted|carried|resolved|settled)\b",
    r"決議|決定|通過|定案|拍板|敲定|核准|裁示|結論",
)


def find_decisions(material: Material) -> list[tuple[int, float]]:
    """The numbers of the sentences that settle something, each with how sure that is, the surest first."""
    found = []
    hinted = Lines(material.folded, _HINT_CHINESE.found(material.lines))
    for number in sorted({*_SETTLED.found(material.lines), *_SETTLED_CHINESE.found(hinted)}):
        folded = material.folded[number]
        if _SHORTEST <= material.lengths[number] <= _LONGEST:
            sure = 0.5 + (0.2 if _STRONG.search(folded) else 0.05) - _against(folded, material.sentences[number].doubtful)
            if sure >= _LEAST:
                found.append((number, round(min(0.9, sure), 2)))
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _against(folded: str, doubtful: bool) -> float:
    doubts = 0.3 if doubtful else 0.0
    for phrase, weight in ((_OPEN, 0.35), (_TALE, 0.3), (_IF, 0.3), (QUESTION, 0.4), (INVITATION, 0.4)):
        if phrase.search(folded):
            doubts += weight
    return doubts + (0.1 if COURTESY.match(folded) else 0)
