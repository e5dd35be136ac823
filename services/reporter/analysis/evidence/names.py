"""Tells whether a statement names people who neither speak nor are mentioned."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.reporter.analysis.claims import Brief
from services.reporter.analysis.evidence.given_names import GIVEN_NAMES
from services.reporter.analysis.evidence.overlap import carrying
from services.reporter.analysis.matching import letters
from services.reporter.analysis.words import chinese_tokens, fold, is_chinese, is_stopword, stem
from services.reporter.characters import HAN

SPEAKER = re.compile(r"\{([^{}\s]+)\}")
"""A speaker inside a text, by id."""

_CAPITALISED = re.compile(r"(?<![\w'’])[A-Z][a-zß-öø-ÿ]+(?:['’-][A-Z]?[a-zß-öø-ÿ]+)*(?![\w])")
_LATIN_WORD = re.compile(rf"[^\W\d_{HAN}]+")
_BEGINNING = re.compile(r"(?:^|[.!?:;。！？：；\n•(\[\"“「『])\s*[\"'“‘(]*$")
_HONORIFIC = re.compile(r"\b(?:mr|mrs|ms|miss|dr|prof|professor|judge|sir|madam)\.?\s$", re.IGNORECASE)
_NOT_OF_NAMES = "会要将说在和与由就都也先去可已应需表则把被对向跟等的是有来"
_SURNAMES = (
    "陈林黄张李王吴刘蔡杨许郑谢郭洪曾邱廖赖周叶苏庄吕江何萧罗高简朱钟施游詹沈彭胡余卢潘颜梁赵翁魏孙戴范方宋邓杜侯傅曹薛丁卓马董蓝蒋石"
    "温古唐汤程冯徐姚韩任姜夏贾邹熊孟秦白阎段雷钱崔龙史陶贺顾毛郝龚邵万钱严武乔"
)
_CHINESE_TITLE = re.compile(
    "先生|小姐|女士|太太|经理|总经理|律师|老师|教授|医师|医生|法官|检察官|处长|组长|课长|主任|总监|董事长|执行长"
)
_TITLED = re.compile(
    rf"(?P<name>(?<![对双甲乙我他该贵任如上下本每最主担责])[{_SURNAMES}](?:[{HAN}]{{2}})?)(?:{_CHINESE_TITLE.pattern})"
)
"""Not the other party's lawyer (對方律師), nor any (任何律師)."""
_WORDS = (
    "顾客",
    "高雄",
    "黄金",
    "马上",
    "安全",
    "万一",
    "方向",
    "高层",
    "高管",
    "许多",
    "温度",
    "古代",
    "石油",
    "白天",
    "马路",
    "金额",
    "双方",
)
_ACTS = re.compile("表示|认为|同意|负责|将|会|说|指出|提到|建议|确认|要求|提出|答应|承诺|主张|担任|安排|签")
"""What tells a name of two characters from a word that only looks like one."""
_PERSON = ("nr", "nrt", "nrfg")
_NO_NAME = re.compile(
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august|(?:sept|nov|dec)ember|october"
    r"|mr|mrs|ms|miss|dr|prof|professor|sir|madam",
    re.IGNORECASE,
)


class Names:
    """Everybody and everything that may be named: what was said, who spoke, and what the customer filled in."""

    def __init__(self, brief: Brief) -> None:
        spoken = [segment.text for segment in brief.transcript.segments]
        self._listed = brief.transcript.speakers
        self._speakers = frozenset(speaker.id for speaker in brief.transcript.speakers) | {
            segment.speaker_id for segment in brief.transcript.segments if segment.speaker_id is not None
        }
        known = [*_given(brief), *spoken]
        self._letters = " ".join(map(letters, known))
        self._words = set(map(stem, {word.lower() for text in known for word in _LATIN_WORD.findall(text)}))
        self._named = [letters(text) for text in _given(brief)]
        self._chinese = is_chinese(" ".join(spoken))

    def strange(self, text: str) -> bool:
        """Whether a statement names somebody unknown. Of names in letters other than the recording's only the plainest are
        recognised, and none of them can be known: such a report is to give names as they were said."""
        if any(id_ not in self._speakers for id_ in SPEAKER.findall(text)):
            return True
        plain = SPEAKER.sub(" ", text)
        latin = _latin_names(plain, chinese=is_chinese(plain), plainest=self._chinese and not is_chinese(plain))
        return not all(map(self._knows, latin)) or not all(
            map(self._knows_chinese, _chinese_names(fold(plain), plainest=not self._chinese))
        )

    def speaks(self, speaker_id: str) -> bool:
        """Whether there is such a speaker."""
        return speaker_id in self._speakers

    def is_named(self, speaker_id: str, text: str) -> bool:
        """Whether a text names a speaker, by the whole name or a part of it."""
        name = next((one.name for one in self._listed if one.id == speaker_id), None) or ""
        parts = [name[0], name[1:]] if is_chinese(name) else [part for part in _LATIN_WORD.findall(name) if len(part) > 1]
        heard = letters(text)
        return any(letters(part) in heard for part in parts)

    def mentions(self, text: str) -> bool:
        """Whether a cell that names somebody uses words of the recording. In another language that can not be told."""
        plain = SPEAKER.sub(" ", text)
        if is_chinese(plain) != self._chinese and carrying(fold(plain)):
            return not self.strange(text)
        if letters(plain) in self._letters:
            return not self.strange(text)
        return all(stem(word.lower()) in self._words or is_stopword(word) for word in _LATIN_WORD.findall(plain)) and all(
            letters(word) in self._letters for word in carrying(fold(plain)) if is_chinese(word)
        )

    def _knows(self, name: str) -> bool:
        return all(stem(part.lower()) in self._words for part in _LATIN_WORD.findall(name) if len(part) > 1)

    def _knows_chinese(self, name: str) -> bool:
        """A surname with a title may mean a speaker of that surname."""
        if name in self._letters:
            return True
        title = _CHINESE_TITLE.search(name)
        return title is not None and any(given.startswith(name[: title.start()]) for given in self._named if title.start())


def _given(brief: Brief) -> list[str]:
    """Texts that the customer vouches for, and those of the scenario."""
    solution = brief.solution
    speakers = [text for speaker in brief.transcript.speakers for text in (speaker.name, speaker.label) if text]
    labels = [label for role in solution.roles for label in role.label.values()]
    labels += [label for one in solution.inputs for label in one.label.values()]
    titles = [title for section in solution.sections for title in section.title.values()]
    return [*speakers, brief.title or "", *brief.inputs.values(), *labels, *titles]


def _latin_names(text: str, *, chinese: bool, plainest: bool) -> Iterator[str]:
    """Words that stand with a capital where only names do; the `plainest` are given names and what follows a title."""
    found = list(_CAPITALISED.finditer(text))
    headline = _is_headline(text)
    for place, match in enumerate(found):
        name = match.group()
        if _NO_NAME.fullmatch(name) or (is_stopword(name) and not chinese):
            continue
        certain = chinese or name.lower() in GIVEN_NAMES or _HONORIFIC.search(text, 0, match.start())
        begins = _BEGINNING.search(text[: match.start()]) and not _goes_on(text, match, found[place + 1 :])
        if certain or not (plainest or headline or begins):
            yield name


def _goes_on(text: str, match: re.Match[str], following: list[re.Match[str]]) -> bool:
    """Whether another word with a capital follows at once, as in a full name."""
    return bool(following) and text[match.end() : following[0].start()] == " "


def _is_headline(text: str) -> bool:
    """Whether Most Words Have Capitals."""
    words: list[str] = [word for word in _LATIN_WORD.findall(text) if len(word) > 3]
    capitals = sum(1 for word in words if word[0].isupper())
    return (len(words) > 1 and capitals == len(words)) or (len(words) > 3 and capitals > 0.6 * len(words))


def _chinese_names(folded: str, *, plainest: bool) -> Iterator[str]:
    """Names of people: surnames with titles, and what the word cutter takes for names; the `plainest` have three characters."""
    for match in _TITLED.finditer(folded):
        if not any(char in _NOT_OF_NAMES for char in match["name"]):
            yield match["name"] if len(match["name"]) > 1 else match.group()
    tags = chinese_tokens(folded)
    for place, (word, tag) in enumerate(tags):
        if tag in _PERSON and word[0] in _SURNAMES and word[-1] not in _NOT_OF_NAMES and word not in _WORDS:
            acts = tags[place + 1 : place + 2] and _ACTS.match(tags[place + 1][0])
            if len(word) == 3 or (len(word) == 2 and acts and not plainest):
                yield word
