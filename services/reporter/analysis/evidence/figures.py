"""Compares the numbers, amounts, dates and times of a statement with those that were said, across notations and languages."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from fractions import Fraction

import msgspec

from services.reporter.analysis.evidence.dates import Key, Moment, moments
from services.reporter.analysis.evidence.numerals import Notation, Numeral, Reading, read
from shared.schemas.reports import Doubt

_CURRENCIES = {
    "TWD": r"nt\$|ntd|twd|新台币|台币",
    "USD": r"us\$|usd|美元|美金|us dollars?",
    "HKD": r"hk\$|hkd|港币|港元",
    "CNY": r"rmb|cny|人民币",
    "JPY": r"jpy|日元|日币|日圆|yen",
    "EUR": r"€|eur|欧元|euros?",
    "GBP": r"£|gbp|英镑|pounds?(?: sterling)?|quid",
    "KRW": r"krw|韩元|韩币|won\b",
    "TWD USD HKD AUD CAD SGD": r"\$|dollars?|bucks",
    "CNY JPY": r"¥|￥|yuan",
    "TWD USD HKD CNY JPY": r"元|块钱?|圆",
}
"""What a currency's names may mean; the longer names are tried first."""

_BEFORE = {codes: re.compile(rf"(?:{names})\s?$") for codes, names in _CURRENCIES.items()}
_AFTER = {codes: re.compile(rf"\s?(?:{names})(?![a-z])") for codes, names in _CURRENCIES.items()}
_PERCENT = re.compile(r"\s?(?:%|percent|per cent|个百分点|percentage points?)")
_TENTHS = re.compile(r"\s?成(?:(\d)(?!\d))?(?![员立功为本果长交人])")
_SHARES = {"half": 50, "1半": 50, "a quarter": 25, "quarters": 75}
_COUNTED = re.compile(
    r"\s?(?:[个位名人家次天日周月年岁元块条点项份件倍成台张支间栋坪期季度号版页章集组部股层批笔辆套款代轮场届班级秒]|小时|钟头|"
    r"分钟|公[里尺斤顷吨分]|毫[米升克]|星期|礼拜|阶段|百分|美[元金]|%)"
)
_MEASURED = re.compile(r"\s?(?:[年月天日周季倍成]|小时|星期|礼拜|分钟)")
_ONE_OF_WHAT = re.compile(r"\s(?:weeks?|months?|years?|days?|hours?|minutes?|percent|per cent|dollars?)\b")
_BOTH = re.compile(r"(?:\b(?:the|these|those|both|between) |[这该此])$")
"""Before a "two" that counts what is known."""
_ITEM_NUMBER = re.compile(r"[.)、](?!\d)")


class Amount(msgspec.Struct, frozen=True):
    """A number with what it counts, as far as that tells amounts apart."""

    value: Fraction
    others: tuple[Fraction, ...] = ()
    currencies: frozenset[str] = frozenset()
    """Codes that the currency may stand for; none for no money."""


class Counted(msgspec.Struct, frozen=True):
    """The numbers and moments of one text."""

    stated: tuple[Amount, ...]
    """The numbers that it means as a statement, besides those of its moments."""
    moments: tuple[Moment, ...]
    amounts: tuple[Amount, ...]
    """All numbers that whoever said it may have meant."""
    bare: tuple[Amount, ...]
    """Those of them that stand outside moments, and may mean an hour or a year."""

    @property
    def keys(self) -> frozenset[Key]:
        """What it states, for comparing it with another text."""
        numbers = {("number", amount.value.numerator, amount.value.denominator) for amount in self.stated}
        return frozenset(numbers) | {key for moment in self.moments for key in moment.said}


def count(text: str) -> Counted:
    """Read a text's numbers and moments."""
    reading = read(text)
    named = tuple(moments(reading.text))
    free = [one for one in reading.numerals if not any(moment.begin <= one.begin < moment.end for moment in named)]
    shares = [Amount(Fraction(share)) for word, share in _SHARES.items() if word in reading.text]
    return Counted(
        stated=tuple(_amount(one, reading) for one in free if _meant(one, reading.text)),
        moments=named,
        amounts=(*(_amount(one, reading) for one in reading.numerals), *shares),
        bare=tuple(_amount(one, reading) for one in free),
    )


class Figures:
    """What was said, as far as it can be counted or dated."""

    def __init__(self, said: Iterable[Counted]) -> None:
        self._amounts: list[Amount] = []
        self._keys: set[Key] = set()
        for counted in said:
            self._amounts += counted.amounts
            self._keys.update(key for moment in counted.moments for key in moment.said)
            values = [value for amount in counted.bare for value in (amount.value, *amount.others)]
            self._keys.update(("number", int(value), 0) for value in values if value.denominator == 1)

    def doubts(self, statement: Counted) -> list[Doubt]:
        """What of the statement's figures was not said."""
        unsaid = any(moment.wanted.isdisjoint(self._keys) for moment in statement.moments)
        return [Doubt.DATE_NOT_SAID] * unsaid + [doubt for amount in statement.stated for doubt in self._doubt(amount)]

    def names_day(self, day: dt.date) -> bool:
        """Whether this very day was named, year and all."""
        year = {("year", day.year, 0), ("number", day.year, 0)}
        return ("day", day.month, day.day) in self._keys and not year.isdisjoint(self._keys)

    def _doubt(self, amount: Amount) -> list[Doubt]:
        said = [one for one in self._amounts if amount.value == one.value or amount.value in one.others]
        if amount.currencies:
            compatible = [one for one in said if not one.currencies or one.currencies & amount.currencies]
            return [] if compatible else [Doubt.MONEY_NOT_SAID]
        return [] if said or ("year", int(amount.value), 0) in self._keys else [Doubt.NUMBER_NOT_SAID]


def _amount(numeral: Numeral, reading: Reading) -> Amount:
    before, after = reading.text[max(0, numeral.begin - 12) : numeral.begin], reading.text[numeral.end : numeral.end + 20]
    if tenths := _TENTHS.match(after):
        return Amount(numeral.value * 10 + int(tenths[1] or 0))
    if before.endswith("分之") and not before.endswith("百分之"):
        whole = [one.value for one in reading.numerals if one.end == numeral.begin - len("分之")]
        return Amount(numeral.value * 100 / whole[0] if whole and whole[0] else numeral.value)
    return Amount(numeral.value, numeral.others, _currencies(before, after))


def _currencies(before: str, after: str) -> frozenset[str]:
    for names, text in ((_BEFORE, before), (_AFTER, after)):
        for codes, name in names.items():
            if name.search(text) if names is _BEFORE else name.match(text):
                return frozenset(codes.split())
    return frozenset()


def _meant(numeral: Numeral, text: str) -> bool:
    """Whether a statement means the number, and does not merely use a word that looks like one."""
    before, after = text[: numeral.begin], text[numeral.end : numeral.end + 12]
    match numeral.notation:
        case Notation.FIGURES:
            return bool(before.strip(" (")) or not _ITEM_NUMBER.match(after)
        case Notation.ENGLISH:
            if numeral.value == 2 and _BOTH.search(before):
                return False
            return not numeral.ordinal and (numeral.value != 1 or _ONE_OF_WHAT.match(after) is not None)
        case Notation.CHINESE:
            if numeral.value == 1:
                return not before.endswith("第") and _MEASURED.match(after) is not None
            if numeral.value == 2 and _BOTH.search(before):
                return False
            return numeral.value > 10 or _COUNTED.match(after) is not None
