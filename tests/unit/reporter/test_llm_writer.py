"""The writer without any I/O: what it asks, with answers from a can."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest

from services.reporter.analysis.claims import Brief, Claim, Draft, Source
from services.reporter.analysis.llm import Impossible, rules, write
from services.reporter.analysis.llm.merging import cast, merged, union
from services.reporter.chats import Fate, Prompt, Reply, Terms
from shared.schemas.jobs import LlmAllowance, ReportLanguage
from shared.schemas.reports import Doubt
from shared.schemas.solutions import REPORT_LANGUAGES, EvidencePolicy, Role, Solution
from shared.schemas.transcripts import Transcript
from shared.solutions import load_solutions
from tests.fakes.chat import Asked
from tests.fakes.models import answer_to
from tests.reporting import MEETING, both, scenario
from tests.speech import conversation, said, transcript

TERMS = Terms(
    model="m",
    host="h",
    context_tokens=32_000,
    max_output_tokens=2_000,
    temperature=0.2,
    prompt_price=None,
    completion_price=None,
    allowance=LlmAllowance(tokens=10_000_000),
)
LONG = transcript(
    [said(f"Number {n} is about {n * 7919 % 1000} apples and pears.", by="AB"[n % 2], start=n * 4.0) for n in range(1500)]
)
Answering = Callable[[Prompt], Reply]


def brief(heard: Transcript = MEETING, *, solution: Solution | None = None, language: ReportLanguage = "en") -> Brief:
    """What is to be written about."""
    return Brief(solution=solution or scenario(), transcript=heard, language=language, title="A {title}", inputs={"a": "{b}"})


def believing(claims: Any, roles: Any) -> Any:
    """Doubts nothing."""
    return {id_: tuple(() for _ in listed) for id_, listed in claims.items()}


def honest(prompt: Prompt) -> Reply:
    """Says what stands there."""
    return reply(answer_to(asked(prompt)))


def asked(prompt: Prompt) -> Asked:
    """A prompt as a server gets it."""
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    return Asked(authorization=None, body={"messages": messages}, size=0)


def reply(answer: object, **changes: Any) -> Reply:
    """An answer in JSON."""
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return Reply(**{"fate": Fate.ANSWERED, "text": text, "prompt_tokens": 100, "completion_tokens": 10, **changes})


def written(
    about: Brief, answering: Answering = honest, *, terms: Terms = TERMS, check: Any = believing
) -> tuple[Draft, list[tuple[Prompt, ...]]]:
    """The draft, and the batches that were asked for it."""
    replies: dict[str, Reply] = {}
    batches: list[tuple[Prompt, ...]] = []
    while True:
        result = write(about, terms, replies, check)
        if isinstance(result, Draft):
            return result, batches
        batches.append(result)
        replies |= {prompt.key: answering(prompt) for prompt in result}


def test_a_short_meeting_is_read_in_one_go() -> None:
    """Statements with their evidence, cells and speakers, by section."""
    draft, batches = written(brief())
    assert [len(batch) for batch in batches] == [1]
    assert list(draft.claims) == ["points", "actions", "quotes"]
    [point, *_] = draft.claims["points"]
    assert point.sources == (Source(segment_id="s000000", quote=MEETING.segments[0].text),)
    [action, *_] = draft.claims["actions"]
    assert [(cell.column, cell.speaker_id) for cell in action.cells] == [("task", None), ("owner", "spk_B"), ("due", None)]
    assert draft.claims["quotes"][0].speaker_id == "spk_A"
    assert (draft.unread, draft.notes, draft.usage and draft.usage.calls) == ((), (), 1)


def test_the_same_brief_asks_the_same() -> None:
    """To the letter, so that what was answered before is found; another model or host is asked anew."""
    [first], [second] = (written(brief())[1][0] for _ in range(2))
    assert first == second
    keys = {first.key}
    for change in ({"model": "n"}, {"host": "i"}, {"temperature": 0.5}, {"max_output_tokens": 2001}):
        keys.add(written(brief(), terms=msgspec.structs.replace(TERMS, **change))[1][0][0].key)
    assert len(keys) == 5
    dearer = msgspec.structs.replace(TERMS, prompt_price="9", allowance=LlmAllowance(tokens=99_999))
    assert written(brief(), terms=dearer)[1][0][0].key == first.key


def test_a_long_meeting_is_read_in_parts_of_much_the_same_size() -> None:
    """Then written from facts, and nothing is left out."""
    draft, (parts, facts) = written(brief(LONG))
    assert len(parts) > 3
    assert max(prompt.tokens for prompt in parts) < 1.5 * min(prompt.tokens for prompt in parts)
    assert all(prompt.tokens + TERMS.max_output_tokens < TERMS.context_tokens * 0.6 + 2000 for prompt in (*parts, *facts))
    numbers = {f"[s{n} " for n in range(1, 1501)}
    assert not {number for number in numbers if not any(number in prompt.messages[1].content for prompt in parts)}
    assert draft.unread == ()
    ids = {segment.id for segment in LONG.segments}
    assert all(source.segment_id in ids for claims in draft.claims.values() for claim in claims for source in claim.sources)


def test_more_facts_than_fit_are_condensed_in_rounds() -> None:
    """A model with a small context reads small parts, and then few facts at a time."""
    small = msgspec.structs.replace(TERMS, context_tokens=6_000, max_output_tokens=1_500)
    draft, batches = written(brief(LONG), terms=small)
    assert len(batches) > 2
    assert all(prompt.tokens <= 6_000 * 0.6 for batch in batches for prompt in batch)
    assert rules.CONDENSER.split(".")[0] in batches[1][0].messages[1].content
    assert (draft.notes, all(draft.claims.values())) == ((), True)


def test_a_model_that_condenses_nothing_is_not_asked_for_ever() -> None:
    """The report then consists of single facts."""

    def lazy(prompt: Prompt) -> Reply:
        return (
            reply("no")
            if "numbered" in prompt.messages[0].content or "facts that were" in prompt.messages[0].content
            else honest(prompt)
        )

    small = msgspec.structs.replace(TERMS, context_tokens=6_000, max_output_tokens=1_500)
    draft, _ = written(brief(LONG), lazy, terms=small)
    assert "llm_not_condensed" in draft.notes
    assert all(0 < len(claims) <= 8 for claims in draft.claims.values())


def test_a_statement_without_facts_has_no_evidence() -> None:
    """Facts that do not exist prove nothing; of several, all evidence counts."""

    def careless(prompt: Prompt) -> Reply:
        answer = answer_to(asked(prompt))
        if '"facts"' in prompt.messages[0].content:
            answer["sections"]["points"] = [{"facts": [999, "x", -1], "text": "One."}, {"facts": ["f1", 2], "text": "Two."}]
        return reply(answer)

    draft, _ = written(brief(LONG), careless)
    one, two = draft.claims["points"]
    assert one.sources == ()
    assert len(two.sources) == 2


def test_only_what_was_verified_is_put_into_words() -> None:
    """Other facts stand in the draft as they are, to be shown for what they are; the model was asked once to correct them."""

    def check(claims: Any, roles: Any) -> Any:
        return {
            id_: tuple((Doubt.QUOTE_NOT_FOUND,) if "Number 3 " in claim.text else () for claim in listed)
            for id_, listed in claims.items()
        }

    def stubborn(prompt: Prompt) -> Reply:
        return reply({"repairs": []}) if '"repairs"' in prompt.messages[0].content else honest(prompt)

    draft, batches = written(brief(LONG), stubborn, check=check)
    assert [len(batch) for batch in batches[1:]] == [1, 1]
    assert "the quote does not stand in that segment" in batches[1][0].messages[1].content
    assert "Number 3 " not in batches[2][0].messages[1].content
    assert any("Number 3 " in claim.text for claims in draft.claims.values() for claim in claims)


def test_sections_that_are_not_checked_are_not_corrected() -> None:
    """Their policy is to believe."""
    check = lambda claims, roles: {id_: tuple((Doubt.NEGATION,) for _ in listed) for id_, listed in claims.items()}  # noqa: E731
    _, batches = written(brief(solution=scenario(evidence=EvidencePolicy.NONE)), check=check)
    assert len(batches) == 1


def test_roles_are_those_that_most_parts_agree_on() -> None:
    """Only of speakers and roles that there are."""

    def casting(prompt: Prompt) -> Reply:
        answer = answer_to(asked(prompt))
        if "speakers" in answer:
            first = "[s1 " in prompt.messages[1].content
            answer["speakers"] = [{"id": "{spk_A}", "role": "guest" if first else "host"}, {"id": "spk_9", "role": "host"}]
        return reply(answer)

    roles = (Role(id="host", label=both("Host")), Role(id="guest", label=both("Guest")))
    draft, _ = written(brief(LONG, solution=scenario(roles=roles)), casting)
    assert [(role.speaker_id, role.role, role.title, role.source) for role in draft.roles] == [("spk_A", "host", "Host", "llm")]
    assert cast([{"a": "x"}, {"a": "y"}, {}]) == {"a": "x"}


@pytest.mark.parametrize("language", REPORT_LANGUAGES)
@pytest.mark.parametrize("solution", [one for one in load_solutions().values() if one.sections], ids=lambda one: one.id)
def test_every_scenario_can_be_written(solution: Solution, language: ReportLanguage) -> None:
    """Its words are in the prompt, its form in the schema, which is as strict as servers want it and fits the form."""
    draft, [[prompt]] = written(brief(solution=solution, language=language))
    for section in solution.sections:
        assert section.title[language] in prompt.messages[0].content
        assert section.instruction is None or section.instruction[language] in prompt.messages[0].content
    schema = json.loads(prompt.schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(answer_to(asked(prompt)), schema)
    assert_strict(schema)
    assert any(draft.claims.values())
    assert list(schema["properties"]["sections"]["properties"]) == [section.id for section in solution.sections]


def assert_strict(schema: Any) -> None:
    """Every object requires all it has and takes nothing else."""
    if schema.get("type") == "object":
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False
        for inner in schema["properties"].values():
            assert_strict(inner)
    if schema.get("type") == "array":
        assert_strict(schema["items"])


def test_every_doubt_has_words_for_models() -> None:
    """So that they learn what was wrong."""
    assert set(rules.DOUBTS) == set(Doubt)


def test_braces_that_are_spoken_are_no_placeholders() -> None:
    """Prompts are put together, never filled in."""
    heard = transcript(conversation(("A", "Set {title} to {0} and {spk_B} {{twice}}."), ("B", "100 %s %(x)s ${y}.")))
    _, [[prompt]] = written(brief(heard))
    assert "Set {title} to {0} and {spk_B} {{twice}}." in prompt.messages[1].content
    assert "100 %s %(x)s ${y}." in prompt.messages[1].content
    assert '"title":"A {title}"' in prompt.messages[1].content


@pytest.mark.parametrize(
    ("fate", "note"),
    [(fate, f"llm_{fate}") for fate in Fate if fate is not Fate.ANSWERED],
)
def test_without_an_answer_there_is_no_report(fate: Fate, note: str) -> None:
    """And it is known why."""
    with pytest.raises(Impossible) as failure:
        written(brief(), lambda prompt: Reply(fate=fate))
    assert failure.value.notes == (note,)


def test_what_unreadable_answers_cost_is_known() -> None:
    """Although nothing came of them."""
    with pytest.raises(Impossible) as failure:
        written(brief(), lambda prompt: reply("I would rather not."))
    assert failure.value.usage is not None
    assert (failure.value.usage.calls, failure.value.usage.prompt_tokens) == (2, 200)


LENIENT: list[tuple[dict[str, Any], Claim]] = [
    (
        {"text": "spk_A agrees.", "evidence": [{"seg": "s2", "quote": "We have"}, {"seg": 2, "quote": "We have"}]},
        Claim(text="{spk_A} agrees.", sources=(Source(segment_id="s004000", quote="We have"),)),
    ),
    (
        {"text": " One\u200b\n two ", "evidence": [{"seg": 99, "quote": None}, {"quote": "no number"}], "colour": "blue"},
        Claim(text="One two", sources=(Source(segment_id="#99"),)),
    ),
    ({"text": "{spk_A} and spk_B, not spk_Bx.", "evidence": None}, Claim(text="{spk_A} and {spk_B}, not spk_Bx.")),
]


@pytest.mark.parametrize(("told", "claim"), LENIENT)
def test_small_deviations_are_put_right(told: dict[str, Any], claim: Claim) -> None:
    """Numbers with an s, speakers without braces, white space; a segment that does not exist stays one that does not."""
    draft, _ = written(brief(), lambda prompt: reply({"sections": {"points": [told], "unknown": [1]}}))
    assert draft.claims["points"] == (claim,)


def test_cells_come_in_any_shape() -> None:
    """Texts, objects, ids with braces or without; a day only if it is one."""
    cells = {"task": {"text": "Call"}, "owner": "{spk_B}", "due": {"text": "by Friday", "date": "2026-11-27"}, "other": "x"}
    wrong = {"task": "Write", "owner": {"speaker": "nobody", "text": "Anna"}, "due": {"text": "soon", "date": "next week"}}
    draft, _ = written(brief(), lambda prompt: reply({"sections": {"actions": [{"cells": cells}, {"cells": wrong}]}}))
    first, second = draft.claims["actions"]
    assert [(cell.text, cell.speaker_id, str(cell.date)) for cell in first.cells] == [
        ("Call", None, "None"),
        ("", "spk_B", "None"),
        ("by Friday", None, "2026-11-27"),
    ]
    assert [(cell.text, cell.speaker_id, cell.date) for cell in second.cells] == [
        ("Write", None, None),
        ("Anna", None, None),
        ("soon", None, None),
    ]
    assert (first.text, second.text) == ("Call", "Write")


def claim(text: str, *segments: str) -> Claim:
    """One that cites segments."""
    return Claim(text=text, sources=tuple(Source(segment_id=segment, quote=text) for segment in segments))


def test_the_same_fact_of_two_parts_is_one() -> None:
    """With the evidence of both."""
    one, other = claim("Anna will call the supplier", "a"), claim("Anna will call the supplier.", "a", "b")
    [united] = merged([one, other])
    assert [source.segment_id for source in united.sources] == ["a", "a", "b"]


@pytest.mark.parametrize(
    "texts",
    [
        ("We will sign the contract on Monday", "We will not sign the contract on Monday"),
        ("The budget is 320 thousand dollars", "The budget is 330 thousand dollars"),
        ("我們下星期一簽約", "我們下星期一不簽約"),
        ("預算是三百二十萬", "預算是三百三十萬"),
    ],
)
def test_a_contradiction_is_never_united(texts: tuple[str, str]) -> None:
    """Whatever else two statements have in common."""
    assert len(merged([claim(texts[0], "a"), claim(texts[1], "a")])) == 2


def test_facts_about_different_moments_are_different() -> None:
    """Also in the same words."""
    assert len(merged([claim("Yes, we agree", "a"), claim("Yes, we agree", "b")])) == 2
    assert [source.segment_id for source in union([claim("x", "a", "b"), claim("y", "c")])] == ["a", "c", "b"]


def test_sections_may_stand_on_their_own() -> None:
    """Some models leave out the object around them."""
    draft, _ = written(brief(), lambda prompt: reply({"points": [{"text": "One.", "evidence": [{"seg": 1, "quote": "Good"}]}]}))
    assert [one.text for one in draft.claims["points"]] == ["One."]


def test_a_report_in_traditional_chinese_is_not_in_simplified() -> None:
    """Whatever the model writes; quotations stay as they were given."""
    told = {"text": "我们决定签约。", "evidence": [{"seg": 1, "quote": "我们决定"}]}
    draft, _ = written(brief(language="zh-Hant"), lambda prompt: reply({"sections": {"points": [told]}}))
    assert draft.claims["points"] == (Claim(text="我們決定簽約。", sources=(Source(segment_id="s000000", quote="我们决定"),)),)
