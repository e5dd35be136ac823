"""Reads days, months, weekdays, times of day and relative days, in English and Chinese, so that they can be compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

Key: TypeAlias = tuple[str, int, int]
"""What is compared: a kind and up to two numbers, such as a month and its day."""


class Moment(msgspec.Struct, frozen=True):
    """A day or time that a text names."""

    begin: int
    end: int
    wanted: frozenset[Key]
    """Whoever states it has said the same as whoever said one of these."""
    said: frozenset[Key]
    """Whoever says it has said all of these."""


_MONTHS = re.findall("...", "janfebmaraprmayjunjulaugsepoctnovdec")
_LONG_MONTH = "january|february|april|june|july|august|september|october|november|december"
_MONTH = rf"({_LONG_MONTH}|march|may|(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b)\.?"
_PREPOSITION = r"\b(?:in|by|of|until|till|since|early|late|mid|next|last|this|before|after|through|from|end of)[ -]"
_WEEKDAYS = [f"{day}day" for day in ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")]
_YEAR = r"((?:19|20)\d\d)"

_RELATIVE = {
    "today": r"\btoday\b|\btonight\b|今天|今日|今晚|今早",
    "tomorrow": r"(?<!after )\btomorrow\b|明天|明日|明早|明晚",
    "after tomorrow": r"\bday after tomorrow\b|后天",
    "yesterday": r"(?<!before )\byesterday\b|昨天|昨日|昨晚",
    "before yesterday": r"\bday before yesterday\b|前天",
    "next week": r"\b(?:next|the following|the coming) week\b|下个?(?:周|星期|礼拜)(?![1-7日天末])",
    "this week": r"\bthis week\b|[这本]个?(?:周|星期|礼拜)(?![1-7日天末])",
    "last week": r"\b(?:last|previous|past) week\b|上个?(?:周|星期|礼拜)(?![1-7日天末])",
    "next month": r"\b(?:next|the following|the coming) month\b|下个?月",
    "this month": r"\bthis month\b|(?:[这本]个?|当)月",
    "last month": r"\b(?:last|previous|past) month\b|上个?月",
    "next quarter": r"\b(?:next|the following|the coming) quarter\b|下1?个?季",
    "this quarter": r"\bthis quarter\b|[这本]1?个?季",
    "last quarter": r"\b(?:last|previous|past) quarter\b|上1?个?季",
    "next year": r"\b(?:next|the following|the coming) year\b|明年",
    "this year": r"\bthis year\b|今年",
    "last year": r"\b(?:last|previous|past) year\b|去年",
    "weekend": r"\bweekends?\b|周末|礼拜天",
    "month end": r"\bend of (?:the |this )?month\b|\bmonth[- ]end\b|月底",
    "year end": r"\bend of (?:the |this )?year\b|\byear[- ]end\b|年底",
}
_MORNING = "上午|早上|凌晨|清晨|中午"
_EVENING = "下午|晚上|傍晚|夜里"


def moments(text: str) -> list[Moment]:
    """Every day and time in the text of a `numerals.Reading`, the longer expressions first; none overlaps another."""
    found: list[Moment] = []
    if not _ANY.search(text):
        return found
    for pattern, meaning in [*_WITH_FIGURES, *_IN_WORDS] if _DIGIT.search(text) else _IN_WORDS:
        for match in pattern.finditer(text):
            if all(match.end() <= one.begin or one.end <= match.start() for one in found):
                found += [Moment(match.start(), match.end(), *keys) for keys in meaning(match)]
    return found


_Keys: TypeAlias = tuple[frozenset[Key], frozenset[Key]]


def _same(*keys: Key) -> _Keys:
    return frozenset(keys), frozenset(keys)


def _day(year: str | None, month: int, day: int) -> Iterator[_Keys]:
    if 1 <= month <= 12 and 1 <= day <= 31:
        key = ("day", month, day)
        yield frozenset({key}), frozenset({key, ("month", month, 0)})
        if year:
            yield from _year(year)


def _year(year: str) -> Iterator[_Keys]:
    """A year of the Republic of China counts from 1911."""
    number = int(year) + (1911 if len(year) < 4 else 0)
    yield frozenset({("year", number, 0), ("number", number, 0)}), frozenset({("year", number, 0)})


def _short_year(match: re.Match[str]) -> Iterator[_Keys]:
    """18 年 may be 2018, or eighteen years."""
    number = int(match[1])
    years = frozenset(("year", century + number, 0) for century in (1900, 1911, 2000))
    yield years | {("number", number, 0)}, years


def _year_first(match: re.Match[str]) -> Iterator[_Keys]:
    return _day(match[1], int(match[2]), int(match[3]))


def _slashed(match: re.Match[str]) -> Iterator[_Keys]:
    """Either the month or the day may come first."""
    first, second = int(match[1]), int(match[2])
    keys = [("day", month, day) for month, day in ((first, second), (second, first)) if 1 <= month <= 12 and 1 <= day <= 31]
    if keys:
        yield _same(*keys)


def _month_first(match: re.Match[str]) -> Iterator[_Keys]:
    return _day(match[3], _month(match[1]), int(match[2]))


def _day_first(match: re.Match[str]) -> Iterator[_Keys]:
    return _day(match[3], _month(match[2]), int(match[1]))


def _named_month(match: re.Match[str]) -> Iterator[_Keys]:
    yield _same(("month", _month(match[1]), 0))
    if match.lastindex == 2 and match[2]:
        yield from _year(match[2])


def _chinese_month(match: re.Match[str]) -> Iterator[_Keys]:
    if 1 <= int(match[2]) <= 12:
        yield _same(("month", int(match[2]), 0))
        if match[1]:
            yield from _year(match[1])


def _month(name: str) -> int:
    return _MONTHS.index(name[:3]) + 1


def _weekday(match: re.Match[str]) -> Iterator[_Keys]:
    name = match[1]
    yield _same(("weekday", _WEEKDAYS.index(name) + 1 if name in _WEEKDAYS else int(name) if name.isdigit() else 7, 0))


def _quarter(match: re.Match[str]) -> Iterator[_Keys]:
    yield _same(("quarter", int(next(filter(None, match.groups()))), 0))


def _digital(match: re.Match[str]) -> Iterator[_Keys]:
    return _time(int(match[1]), int(match[2]), match[3])


def _on_the_hour(match: re.Match[str]) -> Iterator[_Keys]:
    return _time(int(match[1]), 0, match[2] if match.lastindex == 2 else None)


def _chinese_time(match: re.Match[str]) -> Iterator[_Keys]:
    half = "p" if match[1] and re.fullmatch(_EVENING, match[1]) else "a" if match[1] else None
    minutes = 30 if match[3] == "半" else int(match[4]) * 15 if match[4] else int(match[3] or 0)
    return _time(int(match[2]), minutes, half)


def _time(hour: int, minute: int, half: str | None) -> Iterator[_Keys]:
    """Minutes from midnight. Without its half of the day an hour up to 12 may be either; a bare number may have been said."""
    if hour > 24 or minute > 59:
        return
    if half:
        hours = {hour % 12 + (12 if half == "p" else 0)} if hour <= 12 else {hour}
    else:
        hours = {hour % 24, (hour + 12) % 24} if hour <= 12 else {hour % 24}
    keys = frozenset(("time", one * 60 + minute, 0) for one in hours)
    bare = {("number", one, 0) for one in (hour, hour % 12)} if not minute else set()
    yield keys | bare, keys


def _relative(match: re.Match[str]) -> Iterator[_Keys]:
    assert match.lastindex is not None
    yield _same((list(_RELATIVE)[match.lastindex - 1], 0, 0))


def _always(*keys: Key) -> Callable[[re.Match[str]], Iterator[_Keys]]:
    return lambda _: iter([_same(*keys)])


_Patterns: TypeAlias = list[tuple[re.Pattern[str], Callable[[re.Match[str]], Iterator[_Keys]]]]

_WITH_FIGURES: _Patterns = [
    (re.compile(rf"\b{_YEAR}[-/.](\d{{1,2}})[-/.](\d{{1,2}})(?!\d)"), _year_first),
    (re.compile(r"(?:(?:民国\s?)?(\d{2,4})\s?年\s?)?(\d{1,2})\s?月\s?(\d{1,2})\s?[日号]?(?!\d)"), _year_first),
    (re.compile(rf"\b{_MONTH} (?:the )?(\d{{1,2}})(?:st|nd|rd|th)?(?![\d:.]\d|\d)(?:,? {_YEAR}\b)?"), _month_first),
    (re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH}\b(?:,? {_YEAR}\b)?"), _day_first),
    (re.compile(r"(?<![\d/.])(\d{1,2})/(\d{1,2})(?![\d/])"), _slashed),
    (re.compile(r"(?:(?:民国\s?)?(\d{2,4})\s?年\s?)?(?<!\d)(\d{1,2})\s?月(?!\s?\d)"), _chinese_month),
    (re.compile(r"(?:民国\s?(\d{2,3})|(?<!\d)((?:19|20)\d\d|1[0-4]\d))\s?年"), lambda match: _year(match[1] or match[2])),
    (re.compile(r"(?<!\d)(\d\d)\s?年"), _short_year),
    (re.compile(r"\bq([1-4])\b|第?([1-4])季(?!节)|\b([1-4])(?:st|nd|rd|th) quarter\b|\bquarter ([1-4])\b"), _quarter),
    (re.compile(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?::\d\d)?(?:\s?([ap])\.?m\b)?"), _digital),
    (re.compile(r"(?<![\d:.])(\d{1,2})\s?([ap])\.?m\b"), _on_the_hour),
    (
        re.compile(rf"({_MORNING}|{_EVENING})?\s?(?<!\d)(\d{{1,2}})[点时](?:\s?(半|\d{{1,2}}(?=分|\b))分?|(\d)刻)?"),
        _chinese_time,
    ),
    (re.compile(r"\b(\d{1,2}) o'?clock\b"), _on_the_hour),
]
_IN_WORDS: _Patterns = [
    (re.compile(rf"\b({_LONG_MONTH})(?:,? {_YEAR})?\b"), _named_month),
    (
        re.compile(rf"(?:{_PREPOSITION}(?=(?:may|march)\b)|\b(?=(?:may|march) (?:19|20)\d\d))(may|march)(?:,? {_YEAR})?\b"),
        _named_month,
    ),
    (re.compile(r"(?:星期|(?<!每)周|礼拜)([1-6日天])(?![次个回天小])"), _weekday),
    (re.compile(rf"\b({'|'.join(_WEEKDAYS)})s?\b"), _weekday),
    (re.compile(r"\bnoon\b|正午|中午"), _always(("time", 720, 0))),
    (re.compile(r"\bmidnight\b|午夜|半夜"), _always(("time", 0, 0))),
    (re.compile("|".join(f"({pattern})" for pattern in _RELATIVE.values())), _relative),
]
_DIGIT = re.compile(r"\d")
_ANY = re.compile(
    rf"\d|day|tonight|tomorrow|week|month|quarter|year|noon|night|{_LONG_MONTH}|\bma(?:y|rch)\b|[今明昨去]|[前后]天|周|星期|礼拜|月|季|年|中午|午夜"
)
"""Without any of these no pattern matches."""
