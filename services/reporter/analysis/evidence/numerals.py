"""Reads numbers by their value, however they are written: `1,200`, `3.5 million`, `twenty-five`, `三百五十萬`, `3.5萬`."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterator, Sequence
from fractions import Fraction

import msgspec

from services.reporter.analysis.words import fold

_TOKEN = re.compile(r"[a-z]+")


class Notation(enum.Enum):
    """How a number was written. Words may only look like one, such as 十分 or "one of them"."""

    FIGURES = enum.auto()
    ENGLISH = enum.auto()
    CHINESE = enum.auto()


class Numeral(msgspec.Struct, frozen=True):
    """A number and where it stands."""

    begin: int
    end: int
    value: Fraction
    others: tuple[Fraction, ...] = ()
    """What else it may mean: "twenty twenty-six" is a year, or two numbers."""
    notation: Notation = Notation.FIGURES
    ordinal: bool = False
    unit: int = 1
    """The scale that it ends with, such as 萬, to which what follows may be added."""


class Reading(msgspec.Struct, frozen=True):
    """A text with all numbers in figures, lower case, and simplified script; and the numbers' places in it."""

    text: str
    numerals: tuple[Numeral, ...]


_DIGITS = {char: number for number, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_TENS = {"十": 10, "百": 100, "千": 1000}
_MYRIADS = {"万": 10**4, "亿": 10**8}
_UNITS = _TENS | _MYRIADS
_DIGIT, _UNIT = f"[{''.join(_DIGITS)}]", f"[{''.join(_UNITS)}]"

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen"
)
_TENTHS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_NUMBERS = {word: number for number, word in enumerate(_ONES.split())} | {
    word: 10 * number for number, word in enumerate(_TENTHS.split(), 2)
}
_RANKS = {word: number for number, word in enumerate(_ORDINALS.split(), 1)} | {"thirtieth": 30}
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_LETTERS = {"k": 10**3, "m": 10**6, "bn": 10**9, "b": 10**9}

_WORD = "|".join(sorted([*_NUMBERS, *_RANKS, *_SCALES], key=len, reverse=True))
_SCALE = "|".join(_SCALES)
_NUMERAL = re.compile(
    r"(?P<figure>\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?(?!\.?\d)|\d+)"
    rf"(?:(?P<units>{_UNIT}+)|\s(?P<myriads>[百千]?[万亿])|(?P<letter>k|m|bn|b)(?![a-z])|[\s-](?P<scale>{_SCALE})\b|(?P<rank>st|nd|rd|th)\b)?"
    rf"|(?P<run>(?:{_DIGIT}|{_UNIT}|廿)+(?:点{_DIGIT}+(?![十百千分])[万亿]*)?)"
    rf"|\b(?P<words>(?:an?\s(?={_SCALE}))?(?:{_WORD})(?:(?:\sand\sa\s|(?:\sand|\spoint)?[\s-])(?:{_WORD}|half))*)\b"
)


def read(text: str) -> Reading:
    """The text with its numbers in figures, and the numbers."""
    folded = fold(unicodedata.normalize("NFKC", text)).lower()
    pieces: list[str] = []
    found: list[Numeral] = []
    end = length = 0
    for numeral in _joined(one for match in _NUMERAL.finditer(folded) for one in _numerals(match)):
        written = folded[numeral.begin : numeral.end]
        pieces += [folded[end : numeral.begin], written if written.isdigit() and written.isascii() else _figures(numeral)]
        begin = length + numeral.begin - end
        length = begin + len(pieces[-1])
        end = numeral.end
        found.append(msgspec.structs.replace(numeral, begin=begin, end=length))
    return Reading("".join([*pieces, folded[end:]]), tuple(found))


def _figures(numeral: Numeral) -> str:
    value = numeral.value
    written = str(value.numerator) if value.denominator == 1 else f"{float(value):.12g}"
    return written + ("th" if numeral.ordinal else "")


def _joined(numerals: Iterator[Numeral]) -> Iterator[Numeral]:
    """Numbers whose parts are written differently, as one: 1億2000萬, 3千五百, 2萬5."""
    last: Numeral | None = None
    for numeral in numerals:
        if last is not None and last.unit > 1 and last.end == numeral.begin and numeral.value < last.unit:
            alone = numeral.unit == 1 and numeral.value < 10  # 2萬5 is 25,000.
            value = last.value + numeral.value * (last.unit // 10 if alone else 1)
            last = Numeral(last.begin, numeral.end, value, notation=last.notation, unit=numeral.unit)
            continue
        if last is not None:
            yield last
        last = numeral
    if last is not None:
        yield last


def _numerals(match: re.Match[str]) -> Iterator[Numeral]:
    if match["run"]:
        yield from _chinese(match)
    elif match["words"]:
        yield from _english(match["words"], match.start())
    else:
        plain, factor = Fraction(match["figure"].replace(",", "")), 1
        for unit in match["units"] or match["myriads"] or "":
            factor *= _UNITS[unit]
        factor *= _LETTERS.get(match["letter"] or "", 1) * _SCALES.get(match["scale"] or "", 1)
        others = (plain,) if match["letter"] else ()
        unit = factor if match["units"] or match["myriads"] else 1
        yield Numeral(match.start(), match.end(), plain * factor, others, ordinal=bool(match["rank"]), unit=unit)


def _chinese(match: re.Match[str]) -> Iterator[Numeral]:
    """A number in Chinese characters. Runs such as 千萬 or 萬一, which begin with a unit, are words."""
    run = match["run"].replace("廿", "二十")
    whole, _, rest = run.partition("点")
    if whole[0] in _UNITS and whole[0] != "十":
        return
    value, others = _myriads(whole)
    if rest:
        digits = rest.rstrip("万亿")
        value += Fraction(int("".join(str(_DIGITS[char]) for char in digits)), 10 ** len(digits))
        for unit in rest[len(digits) :]:
            value *= _MYRIADS[unit]
    yield Numeral(match.start(), match.end(), value, others, notation=Notation.CHINESE, unit=_UNITS.get(run[-1], 1))


def _myriads(run: str) -> tuple[Fraction, tuple[Fraction, ...]]:
    """The value of 三百五十萬, and what else it may be; digits without units are read one by one, as in 二零二六."""
    if not any(char in _UNITS for char in run):
        digits = [_DIGITS[char] for char in run]
        alone = tuple(map(Fraction, digits)) if len(digits) == 2 else ()  # 三五個 are three to five.
        return Fraction(int("".join(map(str, digits)))), alone
    total = section = digit = unit = 0
    pending: list[int] = []
    for char in run:
        if char in _DIGITS:
            pending += [digit] if digit else []  # 兩三百 are two or three hundred.
            digit, unit = _DIGITS[char], unit if _DIGITS[char] else 1
        elif char in _TENS:
            unit = _TENS[char]
            section, digit = section + (digit or 1) * unit, 0
        else:
            unit = _MYRIADS[char]
            total, section, digit = (total + section + digit) * unit if char == "亿" else total + (section + digit) * unit, 0, 0
    value = total + section + digit * (unit // 10 if unit > 10 else 1)  # 三百五 is 350.
    return Fraction(value), tuple(Fraction(value * one, int(str(value)[0])) for one in pending)


def _english(words: str, begin: int) -> Iterator[Numeral]:
    """The numbers in a row of number words: "twenty-five and thirty" are two, "one hundred and five" is one."""
    tokens = [(token.group(), begin + token.start(), begin + token.end()) for token in _TOKEN.finditer(words)]
    numerals: list[Numeral] = []
    place = 0
    while place < len(tokens):
        count, value, ordinal = _value([token[0] for token in tokens[place:]])
        if count:
            numeral = Numeral(tokens[place][1], tokens[place + count - 1][2], value, notation=Notation.ENGLISH, ordinal=ordinal)
            numerals.append(numeral)
        place += count or 1
    yield from _years(_digit_by_digit(numerals, words, begin), words, begin)


def _value(names: Sequence[str]) -> tuple[int, Fraction, bool]:
    """How many of the words make up the first number, its value, and whether it is an ordinal."""
    sum_ = _Sum()
    for place, name in enumerate(names):
        if name == "point":
            decimals = "".join(str(_NUMBERS[one]) for one in _digits(names[place + 1 :]))
            return place + 1 + len(decimals), sum_.value + Fraction(int(decimals or 0), 10 ** len(decimals)), False
        if name in ("and", "a", "an"):
            if name == "and" and not sum_.goes_on(names[place + 1 : place + 2]):
                break
        elif not sum_.add(name, place + 1):
            break
        elif name in _RANKS:
            return place + 1, sum_.value, True
    return sum_.used, sum_.value, False


class _Sum:
    """Adds up number words as long as they make up one number."""

    def __init__(self) -> None:
        self.used = 0
        self._total = self._current = Fraction(0)
        self._joined = False

    @property
    def value(self) -> Fraction:
        return self._total + self._current

    def goes_on(self, following: Sequence[str]) -> bool:
        """Whether an "and" stands inside one number: "a hundred and five", "three and a half"."""
        return self.used > 0 and (not self._current % 100 or following == ["a"])

    def add(self, name: str, used: int) -> bool:
        """Add a word; false where it begins another number."""
        if name == "half":
            self._current += Fraction(1, 2)
        elif scale := _SCALES.get(name):
            self._current = Fraction(self._current or 1) * scale
            if scale > 100:
                self._total, self._current = self._total + self._current, Fraction(0)
        else:
            number = _NUMBERS.get(name, _RANKS.get(name, 0))
            if self._joined and not _fits(self._current, number):
                return False
            self._current += number
        self.used, self._joined = used, name not in _SCALES or name in ("hundred", "dozen")
        return True


def _fits(before: Fraction, number: int) -> bool:
    """Whether "before number" is one number, as in "twenty five" and "one hundred twenty"."""
    tens = before % 100
    return (number < 10 and tens >= 20 and not tens % 10) or (number < 100 and before > 0 and not tens)


def _digits(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if _NUMBERS.get(name, 10) > 9:
            return
        yield name


def _digit_by_digit(numerals: list[Numeral], words: str, begin: int) -> list[Numeral]:
    """Three or more digits in a row are read as one number too, as of telephones."""
    if len(numerals) < 3 or any(numeral.value > 9 for numeral in numerals) or "and" in words:
        return numerals
    values = tuple(numeral.value for numeral in numerals)
    value = Fraction(int("".join(map(str, values))))
    return [Numeral(begin, begin + len(words), value, values, notation=Notation.ENGLISH)]


def _years(numerals: list[Numeral], words: str, begin: int) -> Iterator[Numeral]:
    """ "Nineteen ninety" and "twenty twenty-six" are most likely years."""
    while numerals:
        numeral, following = numerals.pop(0), numerals[0] if numerals else None
        if following and 18 <= numeral.value <= 21 and 10 <= following.value <= 99 and not following.ordinal:
            between = words[numeral.end - begin : following.begin - begin]
            if not between.strip(" -"):
                value, others = numeral.value * 100 + following.value, (numeral.value, following.value)
                numeral = Numeral(numeral.begin, following.end, value, others, notation=Notation.ENGLISH)
                numerals.pop(0)
        yield numeral
