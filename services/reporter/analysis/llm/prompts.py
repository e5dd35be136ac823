"""Makes prompts: what is fixed for a scenario first, so that servers need not read it twice; then the data; the task last."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from services.reporter.analysis.claims import Brief
from services.reporter.analysis.llm import rules, schema
from services.reporter.analysis.llm.lines import Line, text_of
from services.reporter.analysis.llm.tokens import estimate
from services.reporter.characters import clean
from services.reporter.chats import Message, Prompt, Terms
from shared.schemas.solutions import Section, SectionFormat

MESSAGE_TOKENS = 8
"""What a message costs beside its words."""

_JSON = msgspec.json.Encoder()

_FORMS = {
    SectionFormat.PARAGRAPH: "sentences that read as one paragraph, one statement each",
    SectionFormat.BULLETS: "statements, one thought each",
    SectionFormat.TABLE: "rows of a table; every cell a few words",
    SectionFormat.QUOTES: "sentences worth repeating, each copied letter by letter, with the id of its speaker",
    SectionFormat.TIMELINE: "the course of the recording in its order, each with a short headline as label",
    SectionFormat.QA: "questions that were asked (label) and their answers (text, empty where there was none)",
    SectionFormat.FIELDS: "one entry for each field that something was said about",
    SectionFormat.TERMS: "single terms as they were said, without explanation",
}


class Prompts:
    """Prompts about one recording on certain terms."""

    def __init__(self, brief: Brief, terms: Terms) -> None:
        self._brief = brief
        self._terms = terms
        self._sections = "\n\n".join([*_cast(brief), *(_described(section, brief) for section in brief.solution.sections)])
        # Whoever speaks cannot know it, and so cannot pretend that the data ends.
        self._seal = hashlib.sha256(msgspec.json.encode(brief.transcript)).hexdigest()[:12]
        self._about = self._sealed("about", msgspec.json.encode(_known(brief)).decode())

    def whole(self, lines: Sequence[Line]) -> Prompt:
        """Write the report from the whole transcript."""
        data = [self._about, self._sealed("transcript", text_of(lines))]
        task = f"Write all sections of the report now, {self._manner()}"
        return self._prompt(rules.REPORTER, schema.from_transcript(self._brief.solution), data, task)

    def part(self, lines: Sequence[Line], number: int, count: int) -> Prompt:
        """Collect facts from one part of the transcript."""
        data = [self._about, self._sealed("transcript", text_of(lines))]
        task = (
            f"This is part {number} of {count}. Collect the facts for all sections now, in {self._language()}; "
            "for each section at most as many as it may have."
        )
        return self._prompt(rules.collector(), schema.from_transcript(self._brief.solution), data, task)

    def facts(self, facts: Sequence[str], *, final: bool) -> Prompt:
        """Write the report from facts, or condense some of them."""
        data = [self._about, self._sealed("facts", "\n".join(facts))]
        task = f"Write all sections of the report now, {self._manner()}" if final else rules.CONDENSER
        return self._prompt(rules.EDITOR, schema.from_facts(self._brief.solution), data, task)

    def repair(self, statements: Sequence[str], lines: Sequence[Line]) -> Prompt:
        """Correct statements with the lines that they refer to."""
        data = [
            self._about,
            self._sealed("transcript", text_of(lines)),
            self._sealed("statements", "\n".join(statements)),
        ]
        task = f"{rules.CORRECTION_TASK} Write in {self._language()}."
        return self._prompt(rules.corrector(), schema.repairs(self._brief.solution), data, task)

    def again(self, prompt: Prompt, said: str, wish: str) -> Prompt:
        """Ask once more, after an answer that was of no use. Without showing it, the wish stands in the same message, since
        some servers want the roles to alternate."""
        *before, last = prompt.messages
        if said:
            return self._keyed((*prompt.messages, Message("assistant", said), Message("user", wish)), prompt.schema)
        return self._keyed((*before, Message(last.role, f"{last.content}\n\n{wish}")), prompt.schema)

    def _prompt(self, told: str, answer: schema.Schema, data: Sequence[str], task: str) -> Prompt:
        form = _JSON.encode(schema.form(answer)).decode()
        system = f"{told}\n\nForm of the answer:\n{form}\n\nSections of the report:\n\n{self._sections}"
        user = "\n\n".join([*data, f"The data ends here.\n\n{task}"])
        return self._keyed((Message("system", system), Message("user", user)), _JSON.encode(answer).decode())

    def _keyed(self, messages: tuple[Message, ...], answer: str) -> Prompt:
        terms = self._terms
        asked = [rules.VERSION, terms.host, terms.model, terms.temperature, terms.max_output_tokens, messages, answer]
        return Prompt(
            key=hashlib.sha256(_JSON.encode(asked)).hexdigest(),
            messages=messages,
            schema=answer,
            tokens=sum(estimate(message.content) + MESSAGE_TOKENS for message in messages),
        )

    def _sealed(self, name: str, text: str) -> str:
        return f"<{name} {self._seal}>\n{text}\n</{name} {self._seal}>"

    def _manner(self) -> str:
        summary, language = self._brief.solution.summary, self._brief.language
        words = summary.max_words.get(language) if summary else None
        unit = "characters" if language == "zh-Hant" else "words"
        length = f", with at most {words} {unit} in all sections together" if words else ""
        style = f" Style: {summary.style[language]}" if summary else ""
        return f"in {self._language()}{length}.{style}"

    def _language(self) -> str:
        return rules.LANGUAGES[self._brief.language]


def _cast(brief: Brief) -> list[str]:
    """The parts that are played."""
    roles = [f"{role.id} = {role.label[brief.language]}" for role in brief.solution.roles]
    told = "Say which speaker plays which of these parts, where that is clear from what is said: "
    return [told + "; ".join(roles)] if roles else []


def _described(section: Section, brief: Brief) -> str:
    """What belongs into a section, in the words of the scenario."""
    language = brief.language
    roles = {role.id: role.label[language] for role in brief.solution.roles}
    lines = [f"## {section.id}: {section.title[language]}"]
    if section.instruction is not None:
        lines.append(section.instruction[language])
    lines.append(f"Form: {_FORMS[section.format]}. At most {section.max_items}.")
    if section.columns:
        lines.append("Columns: " + "; ".join(f"{column.id} = {column.title[language]}" for column in section.columns))
    if section.speaker_roles:
        heard = ", ".join(f"{role} ({roles[role]})" if role in roles else role for role in section.speaker_roles)
        lines.append(f"Cite only what was said by: {heard}.")
    return "\n".join(lines)


def _known(brief: Brief) -> dict[str, object]:
    """What is known about the recording beside its words."""
    language = brief.language
    labels = {field.id: field.label[language] for field in brief.solution.inputs}
    known: dict[str, object] = {
        "title": clean(brief.title or ""),
        "recorded_in_language": brief.transcript.language,
        "speakers": {speaker.id: clean(speaker.name or "") or None for speaker in brief.transcript.speakers},
    }
    if brief.inputs:
        known["filled_in_by_the_customer"] = {labels.get(id_, id_): clean(value) for id_, value in brief.inputs.items()}
    return known
