"""When something is due, in the words that were said; a calendar date only where they leave no doubt."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

import msgspec

from services.reporter.analysis.extractive.phrases import Phrase
from services.reporter.analysis.words import length

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?)"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
    *("thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth"),
    *(f"twenty-{unit}" for unit in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")),
    *("thirtieth", "thirty-first"),
)
"""The days of a month in words, from 1 to 31."""
_ORDINAL = "(?:" + "|".join(sorted(_ORDINALS, reverse=True)).replace("-", "[- ]") + ")"
_YEAR = r"(?:,? (?:19|20)\d\d)?"
_DAY_IN_WORDS = (
    rf"(?:the )?{_ORDINAL} (?:day )?of {_MONTH}{_YEAR}|(?:the )?{_ORDINAL} (?!may\b){_MONTH}{_YEAR}"
    rf"|{_MONTH} the {_ORDINAL}{_YEAR}|(?:(?<=on )|(?<=by )|(?<=before )|(?<=until ))the {_ORDINAL}(?! \w)"
)
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_COUNT = r"(?:\d+|a|an|one|two|three|four|five|six|seven|eight|ten|fourteen|thirty|a couple of|a few)"
_UNIT = r"(?:minutes|hours?|(?:business |working |calendar )?days?|weeks?|months?)"
_MOMENT = (
    rf"(?:{_MONTH} {_DAY}(?:,? (?:19|20)\d\d)?(?!\d)|(?:the )?{_DAY} (?:of )?{_MONTH}(?:,? (?:19|20)\d\d)?|(?:19|"
    rf"20)\d\d[-/]\d{{1,2}}[-/]\d{{1,2}}"
    rf"|(?<![\d/])\d{{1,2}}/\d{{1,2}}(?:/(?:19|20)?\d\d)?(?![\d/])|the \d{{1,2}}(?:st|nd|rd|th)"
    rf"|{_DAY_IN_WORDS}"
    rf"|(?:(?:next|this|the following|the coming) )?{_WEEKDAY}(?: (?:morning|afternoon|evening|night|next week|week))?"
    r"|(?:the day after )?tomorrow(?: (?:morning|afternoon|evening|night))?|tonight|today|noon|midnight"
    r"|(?:the )?(?:(?:early|late|middle|beginning|start) )?(?:next|following|coming) (?:week|month|quarter|year|meeting|"
    r"session|sprint|call)"
    r"|(?:in )?the (?:first|second|third|last) (?:week|days|half) of (?:the |this |next )?(?:\w+)"
    r"|(?:the )?(?:very )?(?:end|close|beginning|start|middle) of (?:the |this |next )?(?:day|business|week|month|quarter|"
    r"year|january|february|march|april"
    r"|may|june|july|august|september|october|november|december|meeting|session|sprint)|e\.?o\.?d\b|c\.?o\.?b\b|close of "
    r"business|year[- ]end|month[- ]end|q[1-4]\b"
    r"|this (?:morning|afternoon|evening|week|month))"
)
_ENGLISH = (
    rf"\b(?:no later than|not later than|at the latest by|(?:some ?time )?before|by|until|due(?: on| by| in)?|on|at) "
    rf"(?:around |about )?{_MOMENT}(?: at the latest)?(?!\w)"
    rf"|\b(?:with)?in (?:the next )?{_COUNT} {_UNIT}(?: or (?:so|two))?\b(?! ago)|\b{_MOMENT}(?!\w)"
)
_CHINESE_DAY = (
    r"(?:(?:(?:19|20)\d\d|[一二][〇零一二三四五六七八九]{3}|民國\s?\d{2,3}|今|明|去|前)\s?年\s?)?(?:\d{1,2}|[一二三四五六七八九十]{1,3}|這個|下個|本|下|這|"
    r"上個)\s?月\s?(?:(?:\d{1,2}|[一二三四五六七八九十廿]{1,4})\s?[日號]|底|初|中旬?|份)?"
    r"|(?:19|20)\d\d[-/]\d{1,2}[-/]\d{1,2}|(?<![\d/])\d{1,2}/\d{1,2}(?![\d/])|(?<![\d一二三四五六七八九十第])(?:\d{1,2}|"
    r"[一二三四五六七八九十廿]{1,3})\s?[日號](?![碼線樓])"
    r"|(?:(?:這|本|下|下下)個?)?(?:週|周|星期|禮拜)[一二三四五六日天末](?![個次])|(?:這|本|下|下下)個?(?:週|周|星期|"
    r"禮拜)(?![一二三四五六日天末])(?:內|初|底)?|(?:這|本|下)一?(?:季|次會議|次開會)|下次(?:會議|開會)?"
    r"|今天|今日(?!期)|今晚|明天|明日(?!期)|明早|後天|大後天|月底|月初|年底|年初|季底|週末|周末|下班"
    r"|(?:19|20)\d\d\s?年(?:的?年?[底初])?|(?<!\d)\d\d\s?年年?[底初]"
)
_CHINESE_CLOCK = (
    r"(?:(?:的)?(?:早上|上午|中午|下午|傍晚|晚上|凌晨|下班))?"
    r"(?:(?:\d{1,2}|[一二兩三四五六七八九十]{1,2})\s?點(?:半|\d{1,2}分)?)?"
)
_CHINESE_SPAN = (
    r"(?:\d{1,3}|[一二兩三四五六七八九十]{1,3}|半)\s?個?(?:小時|鐘頭|天|日|工作天|工作日|週|周|星期|禮拜|月|年)(?:之內|以內|內)"
)
_CHINESE_LIMIT = r"(?:之前|以前|前|之內|以內|內|為止|截止|到期)"
_DUE_CHINESE = rf"(?:在|於)?{_CHINESE_SPAN}|(?:在|到|於|最晚|最遲|趕在)?(?:{_CHINESE_DAY}){_CHINESE_CLOCK}(?:{_CHINESE_LIMIT})?"

_PHRASES = Phrase(_DUE_CHINESE, _ENGLISH)
_LIMITING = Phrase(
    rf"(?:{_CHINESE_LIMIT}|最晚|最遲|截止)", r"\b(?:by|before|until|due|no later|at the latest|within|end of|eod|cob)\b"
)
_NOW = Phrase(r"^(?:今天|今日|today|this (?:morning|afternoon|evening))$")
_LEAD = Phrase(r"(?:在|到|於|趕在)(?!期)", r"(?:on|at)\s+(?=\D)")
_EXACT = Phrase(
    r"\d|[一二三四五六七八九十廿]\s?[月日號點]",
    rf"\d|\b(?:first|second|third|last) week|\bthe {_ORDINAL}\b|{_ORDINAL} (?:day )?(?:of )?{_MONTH}",
)
_PAST = Phrase(r"上個?(?:月|週|周|星期|禮拜)|\b(?:last|ago|yesterday|since)\b")
_NUMERIC = re.compile(r"(?<!\d)((?:19|20)\d\d)[-/](\d{1,2})[-/](\d{1,2})(?!\d)")
_CHINESE_DATE = re.compile(r"(?:((?:19|20)\d\d)|民国\s?(\d{2,3}))\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?[日号]")
_DAYS_AND_MONTHS = [
    re.compile(rf"\b{pattern},? (?P<year>(?:19|20)\d\d)\b", re.IGNORECASE)
    for pattern in (
        rf"(?P<month>{_MONTH}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?",
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<month>{_MONTH})",
        rf"(?P<day>{_ORDINAL}) (?:day )?(?:of )?(?P<month>{_MONTH})",
        rf"(?P<month>{_MONTH}) the (?P<day>{_ORDINAL})",
    )
]


_CLAUSE_END = re.compile(r"[，,；;。.!?！？](?=\D|$)\s*")
_LEAST_CLAUSE = 8
_LEAST_BESIDE = 3
"""Words that a clause must hold beside its moment."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A moment that was named; `limit` says that it was named as a limit ("by", "以前")."""

    begin: int
    end: int
    limit: bool
    exact: bool
    """It names a day or month, or a time."""
    date: dt.date | None = None


def find_due(folded: str) -> Due | None:
    """The moment by which something is to be done, as a place in the text; one named as a limit is preferred."""
    found = _moments(folded, past=False)
    return min(found, key=lambda due: (not due.limit, not due.exact), default=None)


def find_moment(folded: str) -> Due | None:
    """A moment that is named, past or to come, as a place in the text, the most exact one first; "today" is none."""
    found = [one for one in _moments(folded, past=True) if not _NOW.search(folded[one.begin : one.end])]
    return min(found, key=lambda one: not one.exact, default=None)


def _moments(folded: str, *, past: bool) -> Iterator[Due]:
    for match in _PHRASES.finditer(folded):
        limit = _LIMITING.search(match.group()) is not None
        exact = _EXACT.search(match.group()) is not None
        if not past and _PAST.search(match.group()):
            continue
        end = match.end()
        begin = match.start() + (len(lead.group()) if (lead := _LEAD.match(match.group())) else 0)
        yield Due(begin=begin, end=end, limit=limit, exact=exact, date=calendar_date(match.group()))


def clause(text: str, due: Due) -> str:
    """The clause of a text that names the moment, with the next one where it is but a few words, and with the one before where
    it is but the moment."""
    ends = [match.end() for match in _CLAUSE_END.finditer(text)]
    begins = [0, *(end for end in ends if end <= due.begin)]
    after = [end for end in ends if end >= due.end] or [len(text)]
    end = next((one for one in after if length(text[begins[-1] : one]) >= _LEAST_CLAUSE), after[-1])
    least = length(text[due.begin : due.end]) + _LEAST_BESIDE
    begin = next((one for one in reversed(begins) if length(text[one:end]) >= least), 0)
    return text[begin:end].strip(" ,，;；")


def calendar_date(folded: str) -> dt.date | None:
    """The day that a phrase names with its year; null where it names none, or one that does not exist."""
    if match := _NUMERIC.search(folded):
        return _date(int(match[1]), int(match[2]), int(match[3]))
    if match := _CHINESE_DATE.search(folded):
        return _date(int(match[1]) if match[1] else int(match[2]) + 1911, int(match[3]), int(match[4]))
    for pattern in _DAYS_AND_MONTHS:
        if match := pattern.search(folded):
            return _date(int(match["year"]), _month(match["month"]), _day(match["day"]))
    return None


def _day(said: str) -> int:
    return int(said) if said.isdigit() else _ORDINALS.index(said.lower().replace(" ", "-")) + 1


def _month(name: str) -> int:
    return next(number for number, month in enumerate(_MONTHS, 1) if name.lower().startswith(month))


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
