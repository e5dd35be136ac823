from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from services.reporter.analysis.claims import Brief, Claim
from services.reporter.analysis.extractive import extract
from services.reporter.analysis.extractive.dates import clause, find_moment
from services.reporter.analysis.extractive.rows import defined
from services.reporter.analysis.words import fold
from shared.schemas.solutions import Column, ColumnType, SectionKind
from tests.extracting import scenario, section, text
from tests.speech import conversation, transcript

Line = tuple[str | None, str]

NAMES = {"A": "Anna Lee", "B": "Ben Wu", "C": "Carla Ruiz"}
CHINESE_NAMES = {"A": "王美玲", "B": "陳志偉", "C": "林佳蓉"}


COLUMNS = (
    Column(id="task", title=text("Task")),
    Column(id="owner", title=text("Owner"), type=ColumnType.SPEAKER),
    Column(id="due", title=text("Due"), type=ColumnType.DATE),
    Column(id="priority", title=text("Priority")),
)


def _found(kind: SectionKind, *lines: Line, names: dict[str, str], columns: tuple[Column, ...] = ()) -> tuple[Claim, ...]:
    solution = scenario(section(kind, columns=columns, items=20))
    source = transcript(conversation(*lines), names=names)
    return extract(Brief(solution=solution, transcript=source, language="en")).claims[kind]


def _actions(*lines: Line, names: dict[str, str] = NAMES) -> list[tuple[str, str, str]]:
    """Task, owner (a speaker's id or a name) and due date of each action that was found."""
    rows = []
    for claim in _found(SectionKind.ACTIONS, *lines, names=names, columns=COLUMNS):
        assert claim.confidence is not None
        task, owner, due, _ = claim.cells
        rows.append((task.text, owner.speaker_id or owner.text, due.text))
    return rows


@pytest.mark.parametrize(
    ("said", "owner", "due"),
    [
        ("I'll send the revised contract by Friday.", "spk_A", "by Friday"),
        ("I will write up the test report before the end of the month.", "spk_A", "before the end of the month"),
        ("Let me follow up with the vendor about the invoice tomorrow.", "spk_A", "tomorrow"),
        ("Ben, can you update the price list by next Wednesday?", "spk_B", "by next Wednesday"),
        ("Carla, please review the privacy section.", "spk_C", ""),
        ("Carla will prepare the slides for the board meeting.", "spk_C", ""),
        ("Could Ben book the room for the workshop?", "spk_B", ""),
        ("Sarah will call the landlord on March 3rd, 2026.", "Sarah", "March 3rd, 2026"),
        ("Legal will check the licence within two weeks.", "Legal", "within two weeks"),
        ("Please send me the minutes of the last board meeting.", "", ""),
        ("We need to order new laptops before 11/27.", "", "before 11/27"),
        ("Let's schedule a demo with the customer for the first week of December.", "", "the first week of December"),
        ("I need the cost estimate in writing from you by Monday.", "", "by Monday"),
        ("I'll send you the draft contract by the eighth of December.", "spk_A", "by the eighth of December"),
        ("Ben, could you file the defence before March the twenty-first?", "spk_B", "before March the twenty-first"),
        ("I will pay the deposit on the fifteenth.", "spk_A", "the fifteenth"),
    ],
)
def test_undertakings_and_requests_are_found_with_who_and_when(said: str, owner: str, due: str) -> None:
    """Whoever commits or is called by name owns it; the date stands as it was said."""
    assert _actions(("A", said), ("B", "The weather is nice in Lisbon."), ("C", "Lisbon has many hills.")) == [
        (said, owner, due)
    ]


@pytest.mark.parametrize(
    ("said", "owner", "due"),
    [
        ("我會在星期五以前把合約草稿寄給您。", "spk_A", "星期五以前"),
        ("我這邊會負責整理測試報告。", "spk_A", ""),
        ("麻煩志偉下週三之前更新報價單。", "spk_B", "下週三之前"),
        ("志偉，麻煩你月底前把簡報準備好。", "spk_B", "月底前"),
        ("請林佳蓉聯絡場地的窗口。", "spk_C", ""),
        ("王經理會在11/27前提供修改意見。", "王經理", "11/27前"),
        ("由法務部負責審閱隱私條款。", "法務部", ""),
        ("請財務部在2026年11月27日前完成付款。", "財務部", "2026年11月27日前"),
        ("佳蓉負責會議室的預約。", "spk_C", ""),
        ("請大家記得在明天下班前上傳作業。", "", "明天下班前"),
        ("我們下週要再安排一次跟客戶的會議。", "", "下週"),
        ("我会在三天内把测试报告发给你。", "spk_A", "三天内"),
    ],
)
def test_chinese_undertakings_and_requests_are_found_with_who_and_when(said: str, owner: str, due: str) -> None:
    """In either script, with titles, departments and short forms of names."""
    lines = (("A", said), ("B", "里斯本的天氣很好。"), ("C", "那裡有很多山坡。"))
    assert _actions(*lines, names=CHINESE_NAMES) == [(said, owner, due)]


@pytest.mark.parametrize(
    "said",
    [
        "I'll be honest, the numbers are bad.",
        "We will see strong growth in Asia over the coming years.",
        "I'll show you the next slide.",
        "Could you tell us a bit about your company and its products?",
        "Can you explain how the billing system works?",
        "If we had more people, we would fix the billing system.",
        "We should have tested the release before the launch.",
        "When people call the hotline, they will ask for a refund.",
        "I can see the point about the price of the contract.",
        "First I will give you a short introduction to the project.",
        "The system will send a message to every customer.",
        "Please welcome our next speaker from the ministry.",
    ],
)
def test_not_every_will_is_an_action(said: str) -> None:
    """Talk about the talk, about the world, and about what might be asks nobody for anything."""
    assert _actions(("A", said), ("B", "The weather is nice in Lisbon."), ("C", "Lisbon has many hills.")) == []


@pytest.mark.parametrize(
    "said",
    [
        "接下來請您發表一下您的看法。",
        "請各位來賓就座，我們準備開始。",
        "下面有請王教授上台跟我們分享。",
        "請問您怎麼看這個市場的發展？",
        "麻煩您先做一下自我介紹。",
        "我會覺得這個方案比較好。",
        "如果客戶要求，我們會提供樣品。",
        "當時我們每個月都會整理報表給總部。",
        "我先介紹一下我們公司的產品。",
        "這個系統會自動把通知發給客戶。",
    ],
)
def test_a_moderators_invitation_is_no_action(said: str) -> None:
    """ "請您發表" makes somebody speak; nothing is left to do when the meeting is over."""
    assert _actions(("A", said), ("B", "里斯本的天氣很好。"), ("C", "那裡有很多山坡。"), names=CHINESE_NAMES) == []


def test_a_request_is_owned_by_whoever_takes_it_on() -> None:
    """With three in the room, the one who says "sure"."""
    lines = (("A", "Could you draft the press release?"), ("C", "Sure, no problem."), ("B", "Lisbon has many hills."))
    assert _actions(*lines) == [("Could you draft the press release?", "spk_C", "")]


def test_of_two_speakers_the_other_one_is_asked() -> None:
    """Nobody else can be meant."""
    assert _actions(("A", "麻煩您把租約影本寄給我們。"), ("B", "里斯本的天氣很好。"), names={}) == [
        ("麻煩您把租約影本寄給我們。", "spk_B", "")
    ]


def test_everybody_is_nobody_in_particular() -> None:
    """One who answers "OK" to a request to all does not own it alone."""
    lines = (("A", "請各位在明天以前上傳報告。"), ("B", "好的，收到。"), ("C", "那裡有很多山坡。"))
    assert _actions(*lines, names=CHINESE_NAMES) == [("請各位在明天以前上傳報告。", "", "明天以前")]


def test_the_answer_to_by_when_is_the_due_date() -> None:
    """It rests on both sentences."""
    lines = (
        ("A", "By when can you give me a project plan?"),
        ("B", "Certainly by the next meeting."),
        ("C", "Lisbon has hills."),
    )
    (claim,) = _found(SectionKind.ACTIONS, *lines, names=NAMES, columns=COLUMNS)
    assert [(cell.text, cell.speaker_id) for cell in claim.cells[1:3]] == [("", "spk_B"), ("by the next meeting", None)]
    assert [source.segment_id for source in claim.sources] == ["s000000", "s004000"]


def test_an_undertaking_that_says_nothing_alone_comes_with_what_was_asked() -> None:
    """ "I'll look into that" needs its question; what is only accepted is not listed twice."""
    lines = (
        ("B", "Would the remote control work with the video recorder?"),
        ("A", "I'll look into that."),
        ("C", "Lisbon has hills."),
    )
    assert _actions(*lines) == [
        ("Would the remote control work with the video recorder? – I'll look into that.", "spk_A", ""),
    ]
    lines = (("A", "Ben, please call the landlord about the lease."), ("B", "Okay, I'll call him."), ("C", "Lisbon has hills."))
    assert [task for task, _, _ in _actions(*lines)] == ["Ben, please call the landlord about the lease."]
    both = (("B", "I'll send you the photos and the record tomorrow."), ("A", "Please also bring the lease itself."))
    assert [task for task, _, _ in _actions(*both)] == [
        "I'll send you the photos and the record tomorrow.", "Please also bring the lease itself.",
    ]  # fmt: skip


def test_the_date_of_a_day_is_no_day() -> None:
    """註明日期 names no tomorrow."""
    assert find_moment(fold("請她註明日期。")) is None
    assert find_moment(fold("請她明日註明。")) is not None


def test_a_clause_says_what_is_at_its_moment() -> None:
    """A day alone, set off by commas, says nothing; the clause before it does."""
    said = "We have time, so let's discuss it on Tuesday, December 2nd."
    found = find_moment(fold(said))
    assert found is not None
    assert clause(said, msgspec.structs.replace(found, begin=said.index("December"), end=len(said) - 1)) == (
        "so let's discuss it on Tuesday, December 2nd."
    )


def test_a_year_in_characters_belongs_to_its_day() -> None:
    """Without it, a time limit would be taken for this year's."""
    said = fold("時效也就是到二零二八年十月二號。")
    found = find_moment(said)
    assert found is not None
    assert said[found.begin : found.end] == fold("二零二八年十月二號")


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("Send it by the eighth of December 2026.", dt.date(2026, 12, 8)),
        ("We meet on December the thirty-first, 2026.", dt.date(2026, 12, 31)),
        ("We meet on the eighth of December.", None),
        ("The second may be late in 2026.", None),
    ],
)
def test_a_day_in_words_is_a_day(said: str, day: dt.date | None) -> None:
    """A date where the year was said."""
    found = find_moment(fold(said))
    assert (None if found is None else found.date) == day


@pytest.mark.parametrize(
    "said", ["The first point is the budget.", "The second may be late.", "On the third floor there is a printer."]
)
def test_not_every_number_in_words_is_a_day(said: str) -> None:
    """Floors and points are counted too."""
    assert find_moment(fold(said)) is None


@pytest.mark.parametrize(
    ("said", "term"),
    [
        ("Decay means that a trace in memory fades.", "Decay"),
        ("The curve that he drew is called the forgetting curve, by the way.", "forgetting curve"),
        ("What he said means nothing to me.", ""),
        ("That means war.", ""),
        ("所謂衰退，指的是記憶的痕跡慢慢變淡。", "衰退"),
        ("一個月後各複習一次，這稱為間隔複習。", "間隔複習"),
        ("第二個原因是干擾，意思是其他東西擋在前面。", "干擾"),
        ("這個意思是說我們要等。", ""),
    ],
)
def test_a_sentence_that_explains_a_term_is_listed_under_it(said: str, term: str) -> None:
    """Under the very words."""
    assert defined(said, fold(said)) == term


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("I'll send the contract by November 27, 2026.", dt.date(2026, 11, 27)),
        ("I'll send the contract by the 3rd of March 2026.", dt.date(2026, 3, 3)),
        ("I'll send the contract by 2026-02-28.", dt.date(2026, 2, 28)),
        ("我會在2026年11月27日以前寄出合約。", dt.date(2026, 11, 27)),
        ("我會在民國115年3月5日以前寄出合約。", dt.date(2026, 3, 5)),
        ("I'll send the contract by 2026-02-30.", None),
        ("I'll send the contract by November 27.", None),
        ("I'll send the contract by Friday.", None),
        ("我會在下週三以前寄出合約。", None),
    ],
)
def test_a_calendar_date_is_given_only_where_it_is_certain(said: str, date: dt.date | None) -> None:
    """A year must have been said, and the day exist: nobody knows when the recording was made."""
    (claim,) = _found(SectionKind.ACTIONS, ("A", said), ("B", "Lisbon has hills."), names=NAMES, columns=COLUMNS)
    assert claim.cells[2].date == date


def test_urgency_is_quoted_where_it_was_said() -> None:
    """In the template's own column."""
    (claim,) = _found(
        SectionKind.ACTIONS,
        ("A", "麻煩志偉盡快把報價單寄給客戶。"),
        ("C", "那裡有很多山坡。"),
        names=CHINESE_NAMES,
        columns=COLUMNS,
    )
    assert claim.cells[3].text == "盡快"


@pytest.mark.parametrize(
    "said",
    [
        "We have decided to postpone the launch until January.",
        "So we agreed to drop the mobile version.",
        "Okay, let's go with the second supplier.",
        "The motion is carried.",
        "The budget was approved unanimously.",
        "The budget is approved.",
        "Then the two thousand dollars for the new website are approved.",
        "That's settled, the price stays at twenty five euros.",
        "好，那我們決定把上線日期延到十二月。",
        "那就這樣定了，用第二個方案。",
        "本案無異議通過。",
        "所以結論是年底預算暫時不追加。",
        "大家都同意採用新的退款流程。",
        "董事會已經核准這個預算。",
        "我们决定先不扩大招聘。",
        "我們決定今年不漲價，這是個重要決定。",
    ],
)
def test_what_was_settled_is_a_decision(said: str) -> None:
    """In the words that settle it."""
    (claim,) = _found(SectionKind.DECISIONS, ("A", said), ("B", "Lisbon has hills."), names={})
    assert said.lower().endswith(claim.text.lower())


@pytest.mark.parametrize(
    "said",
    [
        "We haven't decided on the supplier yet.",
        "We still need to decide who goes to Berlin.",
        "Should we go with the second supplier?",
        "A decision was made back then in the early 2000s not to include assault.",
        "If we agreed to that, the price would double.",
        "Once the second draft of the plan is approved, we can order.",
        "In this house the rules of the road are accepted by everybody.",
        "I agree with you that the price is high.",
        "這個我們還沒有決定。",
        "今天的會議主要要決定網站什麼時候上線。",
        "通過這個平台，我們可以接觸到更多的客戶。",
        "這取決於市場的發展。",
        "我同意你的看法。",
        "我們要不要決定用第二個方案？",
        "態度決定了你人生的高度。",
    ],
)
def test_what_is_open_or_long_past_is_no_decision(said: str) -> None:
    """Nor is agreeing with somebody."""
    assert _found(SectionKind.DECISIONS, ("A", said), ("B", "Lisbon has hills."), names={}) == ()
