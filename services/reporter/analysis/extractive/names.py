"""Who is named in a sentence: one of the speakers where the name is theirs, else the name as it was said."""

from __future__ import annotations

import re
from functools import cache

import msgspec

from services.reporter.analysis.words import chinese_tokens, fold, is_stopword
from shared.schemas.transcripts import Speaker

_HAN = re.compile("[\u4e00-\u9fff]")
_HAN_NAME = re.compile(r"[\u4e00-\u9fff]{2,4}")


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_TITLES = _list(
    """
    先生 小姐 女士 經理 總經理 協理 副理 襄理 總監 主任 主管 律師 老師 教授 醫師 醫生 處長 組長 課長 科長 部長
    執行長 董事長 理事長 校長 院長 博士 助理 秘書 特助 專員 顧問 會計師 工程師 設計師 同學 學長 學姐 總 董 姐 哥
    工
    """
)
_BODIES = _list(
    """
    部 部門 組 小組 處 科 室 團隊 公司 同仁 廠商 客戶 律師 會計師 事務所 委員會 秘書處 單位 窗口 業務 行銷 法務
    財務 會計 人資 工程 設計 資訊 總務 採購 研發 客服 產品 營運 後端 前端 助理 秘書
    """
)
_COMPOUND_SURNAMES = _list(
    """
    歐陽 司馬 上官 諸葛 司徒 東方 皇甫 張簡 范姜
    """
)
_GENERIC = _list(
    """
    speaker the mr mrs ms dr prof am mp sir madam lord lady and of
    """
)
_NOT_NAMES = _list(
    """
    i we you he she they it that this these those there here who what which when where why how everyone everybody
    someone somebody anyone anybody nobody people please okay ok so and but or well yes yeah yep no not now then
    also maybe perhaps if because as for from to in on at by with let alright right sure thanks thank hello hi um
    uh mm hmm oh all both one some any each the a an my our your his her its their next first second last monday
    tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december today tomorrow tonight actually basically anyway still just once after before until
    while since although though however whether things something nothing anything everything others another other
    part most many
    """
)


class Person(msgspec.Struct, frozen=True):
    """Somebody who is named: a speaker, or a name in the text's words."""

    name: str
    speaker_id: str | None = None


class Names:
    """The names of the speakers, by which they are found in what is said."""

    def __init__(self, speakers: tuple[Speaker, ...]) -> None:
        owners: dict[str, set[str]] = {}
        for speaker in speakers:
            for form in _forms(speaker.name or ""):
                owners.setdefault(form, set()).add(speaker.id)
        self._owner = {form: min(ids) for form, ids in owners.items() if len(ids) == 1}

    def find(self, said: str) -> Person | None:
        """Whom these words name at their end; null where they are no name."""
        said = said.strip(" ,，")
        return self._chinese(said) if _HAN.search(said) else self._latin(said)

    def _latin(self, said: str) -> Person | None:
        words = said.split()
        while words and words[0].lower().strip(".,'’") in _NOT_NAMES:
            words.pop(0)
        if not words or any(word.lower() in _NOT_NAMES for word in words):
            return None
        name = " ".join(words)
        return Person(name, self._owner.get(name.lower()))

    def _chinese(self, said: str) -> Person | None:
        folded = fold(said)
        if _pronoun().search(folded) or is_stopword(folded):
            return None
        for begin in range(len(folded) - 1):
            if speaker_id := self._owner.get(folded[begin:].lower()):
                return Person(said[begin:], speaker_id)
        if begin := _name_begin(folded):
            return Person(said[begin - 1 :])
        return None


@cache
def _named() -> re.Pattern[str]:
    titles, bodies = "|".join(map(fold, _TITLES)), "|".join(map(fold, _BODIES))
    return re.compile(rf"(?:[\u4e00-\u9fff]{{1,3}}(?:{titles})|[\u4e00-\u9fff]{{0,3}}(?:{bodies})|[小阿老][\u4e00-\u9fff])$")


@cache
def _pronoun() -> re.Pattern[str]:
    return re.compile(fold("[我你您妳他她它咱]們?(?:這邊|那邊|自己)?$|大家$|各位$|[這那哪][邊裡個些]$|自己$|誰$"))


def _name_begin(folded: str) -> int:
    """Where the name at the end begins, counted from 1; 0 where there is none."""
    tags = chinese_tokens(folded)
    if tags and tags[-1][1] == "nr" and len(tags[-1][0]) > 1 and not is_stopword(tags[-1][0]):
        return len(folded) - len(tags[-1][0]) + 1
    begin = len(folded)
    for word, _ in reversed(tags):  # The longest name that is made of whole words.
        begin -= len(word)
        if len(folded) - begin > 6:
            return 0
        if _named().fullmatch(folded[begin:]):
            return begin + 1
    return 0


def _forms(name: str) -> set[str]:
    """What people call somebody of this name: the whole, each of its parts, a Chinese given name, a surname with a title."""
    folded = fold(name).strip().lower()
    forms = {folded} if folded else set()
    forms |= {part for part in re.split(r"[\s,.()（）/]+", folded) if len(part) > 1 and part not in _GENERIC}
    for han in _HAN_NAME.findall(folded):
        surname = 2 if any(han.startswith(fold(one)) for one in _COMPOUND_SURNAMES) else 1
        given = han[surname:]
        if len(given) > 1:
            forms.add(given)
        forms |= {han[:surname] + fold(title) for title in _TITLES}
        forms |= {fold(prefix) + char for char in (han[0], han[-1]) for prefix in ("小", "阿", "老")}
    return forms
