from __future__ import annotations

import msgspec

from services.reporter.analysis.llm.budget import Budget
from services.reporter.chats import Fate, Message, Prompt, Reply, Terms
from shared.schemas.jobs import LlmAllowance

TERMS = Terms(
    model="m",
    host="h",
    context_tokens=10_000,
    max_output_tokens=1000,
    temperature=None,
    prompt_price="2",
    completion_price="10",
    allowance=LlmAllowance(tokens=10_000),
)


def prompt(tokens: int, key: str = "k") -> Prompt:
    """One of so many tokens."""
    return Prompt(key=key, messages=(Message("user", "x" * 10),), schema="{}", tokens=tokens)


def answered(prompt_tokens: int | None, completion_tokens: int | None) -> Reply:
    """An answer."""
    return Reply(fate=Fate.ANSWERED, text="{}", prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)


def allowed(tokens: int, usd: str | None = None) -> Budget:
    """A budget."""
    return Budget(msgspec.structs.replace(TERMS, allowance=LlmAllowance(tokens=tokens, cost_usd=usd)))


def test_what_does_not_fit_in_the_worst_case_is_not_admitted() -> None:
    """Each prompt counts with the longest answer it may have; a smaller one behind it may still fit."""
    prompts = [prompt(2000, "a"), prompt(5000, "b"), prompt(1000, "c")]
    assert [one.key for one in allowed(6000).admit(prompts)] == ["a", "c"]
    assert allowed(2999).admit(prompts[:1]) == []


def test_money_is_a_limit_too() -> None:
    """2000 tokens at 2 USD a million and 1000 at 10 are 0.014 USD."""
    assert len(allowed(10**6, "0.0141").admit([prompt(2000)])) == 1
    assert allowed(10**6, "0.0139").admit([prompt(2000)]) == []


def test_something_can_be_left_for_later() -> None:
    """A prompt and its answer."""
    assert allowed(6000).admit([prompt(3000)], reserve=1500) == []
    assert len(allowed(6600).admit([prompt(3000)], reserve=1500)) == 1


def test_what_was_used_counts_and_not_what_was_feared() -> None:
    """Tokens as the server counts them; where it does not, our estimate."""
    budget = allowed(8000)
    budget.note(prompt(3000), answered(3100, 100))
    budget.note(prompt(1000), answered(None, None))
    usage = budget.usage()
    assert usage is not None
    assert (usage.calls, usage.prompt_tokens, usage.completion_tokens, usage.bytes_sent) == (2, 4100, 100, 20)
    assert usage.cost_usd == "0.009200"
    assert len(budget.admit([prompt(2600)])) == 1
    assert budget.admit([prompt(2900)]) == []


def test_a_server_that_counts_more_is_believed() -> None:
    """The next worst case is reckoned in its tokens."""
    budget = allowed(10_000)
    budget.note(prompt(1000), answered(1500, 0))
    assert len(budget.admit([prompt(4900)])) == 1
    assert budget.admit([prompt(5100)]) == []


def test_a_lost_answer_counts_as_long_as_it_could_be() -> None:
    """It may be charged. In the usage it does not stand, for nobody knows."""
    budget = allowed(5000)
    budget.note(prompt(2000), Reply(fate=Fate.LOST))
    assert budget.usage() is None
    assert budget.admit([prompt(1100)]) == []
    assert len(budget.admit([prompt(900)])) == 1


def test_what_was_not_taken_costs_nothing() -> None:
    """However often it was tried."""
    budget = allowed(3100)
    for fate in (Fate.UNREACHABLE, Fate.REJECTED, Fate.TOO_LATE):
        budget.note(prompt(2000), Reply(fate=fate))
    assert (budget.usage(), len(budget.admit([prompt(2000)]))) == (None, 1)


def test_without_prices_there_is_no_cost() -> None:
    """Never a guess."""
    budget = Budget(msgspec.structs.replace(TERMS, prompt_price=None))
    budget.note(prompt(1), answered(1, 1))
    usage = budget.usage()
    assert usage is not None
    assert usage.cost_usd is None


def test_what_an_earlier_attempt_was_charged_for_is_told_apart() -> None:
    """It belongs to the report, and to nobody's month again."""
    budget = allowed(10_000)
    budget.note(prompt(1000), answered(1000, 100))
    budget.note(prompt(2000), msgspec.structs.replace(answered(2000, 100), kept=True))
    usage = budget.usage()
    assert usage is not None
    assert (usage.calls, usage.prompt_tokens, usage.cost_usd) == (2, 3000, "0.008000")
    assert (usage.kept_tokens, usage.kept_cost_usd) == (2100, "0.005000")
