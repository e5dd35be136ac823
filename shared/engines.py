"""Which engine a job gets, or why it gets none: the rules that the gateway asks at submission and the transcriber again."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.errors import JobError
from shared.schemas.engines import Capabilities, EngineOffer, EngineRules, Feature, RedactionLimits, VocabularyLimits
from shared.schemas.jobs import Analysis, JobOptions, Redaction

VOCABULARY_CUT = "vocabulary_cut"
"""Note of a transcript: not every key term of the job's vocabularies and the tenant was given to the engine."""

_LANGUAGES_NAMED = 12


class EngineRefused(JobError):
    """The engine that a job is meant for may not or cannot do it."""

    def __init__(self, code: str, message: str, *, pointer: str, engines: Iterable[str] = ()) -> None:
        super().__init__(code, message)
        self.pointer = pointer
        """JSON pointer to the option at fault."""
        self.engines = tuple(engines)
        """Those that could do the job as it is."""


@dataclass(frozen=True, kw_only=True)
class KeyTerms:
    """The key terms a task is given."""

    terms: tuple[str, ...]
    wanted: tuple[str, ...]
    """All of the job's, its vocabularies' and the tenant's, of which the engine may take fewer."""
    notes: tuple[str, ...] = ()
    """Codes for `Quality.notes`."""


@dataclass(frozen=True, kw_only=True)
class _Demand:
    """One thing that a job asks of its engine."""

    pointer: str
    is_met: Callable[[Capabilities], bool]
    inability: Callable[[Capabilities], str]
    """What is said of an engine that does not meet it."""
    code: str = "feature_not_supported"
    otherwise: str = "no engine here can do all that the job asks for, so ask for less"
    """Advice where there is no engine that could."""


def engine_for(options: JobOptions, rules: EngineRules, offers: Sequence[EngineOffer]) -> str:
    """The engine a job is meant for, whether or not it may and can do it: the job's, the tenant's or the deployment's.

    Where audio may not leave the house and nobody named an engine, one in the house stands in for a rented default.
    """
    if named := options.engine or rules.engine:
        return named
    allowed = [offer for offer in offers if rules.allow_rented or not offer.rented] or offers
    default = next((offer.name for offer in allowed if offer.is_default), None)
    return default or next((offer.name for offer in allowed if not offer.rented), "local")


def choose(options: JobOptions, rules: EngineRules, offers: Sequence[EngineOffer], *, size: int | None = None) -> EngineOffer:
    """The engine that does a job, whose recording has `size` bytes if that is known. Raises `EngineRefused`."""
    name = engine_for(options, rules, offers)
    demands = list(_demands(options, size))
    usable = [offer for offer in offers if may_use(rules, offer)]
    fit = [offer.name for offer in usable if all(demand.is_met(offer.capabilities) for demand in demands)]
    chosen = next((offer for offer in offers if offer.name == name), None)
    if chosen is None:
        there_are = f"; choose one of: {_one_of(offer.name for offer in usable)}" if usable else ", and none that you may use"
        message = f"There is no engine {name!r} here{there_are}."
        raise EngineRefused("unknown_engine", message, pointer="/engine", engines=fit)
    if chosen.rented and not rules.allow_rented:
        message = f"Your audio may not leave the house, as it would to the engine {name}; {_choose(fit, _NONE_IN_HOUSE)}."
        raise EngineRefused("engine_forbidden", message, pointer="/engine", engines=fit)
    if not may_use(rules, chosen):
        message = f"There is no key for the engine {name}; {_choose(fit, 'ask the operator to store one')}."
        raise EngineRefused("engine_key_missing", message, pointer="/engine", engines=fit)
    for demand in demands:
        if not demand.is_met(chosen.capabilities):
            message = f"The engine {name} {demand.inability(chosen.capabilities)}; {_choose(fit, demand.otherwise)}."
            raise EngineRefused(demand.code, message, pointer=demand.pointer, engines=fit)
    return chosen


def may_use(rules: EngineRules, offer: EngineOffer) -> bool:
    """Whether a tenant may use an engine and somebody has a key for it."""
    return not offer.rented or (rules.allow_rented and (offer.has_key or offer.name in rules.keys))


def key_terms(options: JobOptions, rules: EngineRules, capabilities: Capabilities) -> KeyTerms:
    """The job's key terms, which the engine has been found to take, and as many of its vocabularies' and the tenant's as still
    fit."""
    of_sets = [term.text for one in options.vocabularies for term in one.terms]
    wanted = tuple(dict.fromkeys((*options.vocabulary, *of_sets, *rules.vocabulary)))
    if len(wanted) == len(options.vocabulary):
        return KeyTerms(terms=options.vocabulary, wanted=wanted)
    if not capabilities.has(Feature.VOCABULARY, options.language):
        return KeyTerms(terms=options.vocabulary, wanted=wanted, notes=(VOCABULARY_CUT,))
    limits = capabilities.vocabulary
    given = (
        wanted
        if limits is None
        else tuple(term for term in wanted if _words(term) <= limits.words)[: limits.most(options.language)]
    )
    return KeyTerms(terms=given, wanted=wanted, notes=() if given == wanted else (VOCABULARY_CUT,))


_NONE_IN_HOUSE = "no engine in the house can do the job, so ask the operator"

_FEATURES = {
    Feature.SPEAKER_COUNT: "cannot be told how many people speak",
    Feature.VOCABULARY: "takes no key terms",
    Feature.CHANNELS: "does not hear channels one by one",
    Feature.REDACTION: "cannot remove what must not appear",
    Feature.REDACTED_AUDIO: "makes no redacted recording",
}


def _demands(options: JobOptions, size: int | None) -> Iterator[_Demand]:
    language = options.language
    yield _Demand(
        code="language_not_supported",
        pointer="/language",
        is_met=lambda able: able.speaks(language),
        inability=lambda able: f"does not understand {language}, only {_some(sorted(able.languages or ()))}",
        otherwise="no engine here does, until the operator adds one or sets AUDIO2TXT_LOCAL_MODEL to a larger model",
    )
    for pointer, feature in _features(options):
        yield _feature_demand(pointer, feature, language)
    if options.redaction is not None:
        yield from _redaction_demands(options.redaction, options)
    for analysis in options.analyses:
        yield _analysis_demand(analysis, language)
    yield from _vocabulary_demands(options.vocabulary, language)
    if size is not None:
        yield _size_demand(size)


def _features(options: JobOptions) -> Iterator[tuple[str, Feature]]:
    if options.speakers is not None:
        yield "/speakers", Feature.SPEAKER_COUNT
    if options.vocabulary:
        yield "/vocabulary", Feature.VOCABULARY
    if options.channels:
        yield "/channels", Feature.CHANNELS
    if options.redaction is not None:
        yield "/redaction", Feature.REDACTION
        if options.redaction.audio:
            yield "/redaction/audio", Feature.REDACTED_AUDIO


def _feature_demand(pointer: str, feature: Feature, language: str) -> _Demand:
    def inability(able: Capabilities) -> str:
        return _FEATURES[feature] + (f" in {language}" if feature in able.features else "")

    return _Demand(pointer=pointer, is_met=lambda able: able.has(feature, language), inability=inability)


def _redaction_demands(redaction: Redaction, options: JobOptions) -> Iterator[_Demand]:
    language = options.language

    def unknown(able: RedactionLimits) -> list[str]:
        return [category for category in redaction.categories if not able.removes(category, language)]

    def repeated(able: RedactionLimits) -> list[Analysis]:
        return [analysis for analysis in options.analyses if analysis in able.unredacted]

    yield _redaction_demand(
        "/redaction/categories",
        is_met=lambda able: not unknown(able),
        inability=lambda able: f"cannot remove {_unremovable(unknown(able)[0], language, able)}",
    )
    yield _redaction_demand(
        "/redaction/substitute",
        is_met=lambda able: redaction.substitute in able.substitutes,
        inability=lambda able: f"puts {_one_of(able.substitutes)} in place of what it removes",
    )
    yield _redaction_demand(
        "/language",
        is_met=lambda able: language != "auto" or able.detects_language,
        inability=lambda _: "removes words only where the language is named",
    )
    yield _redaction_demand(
        "/analyses",
        is_met=lambda able: not repeated(able),
        inability=lambda able: f"removes nothing from {_one_of(repeated(able))}",
    )


def _redaction_demand(
    pointer: str, *, is_met: Callable[[RedactionLimits], bool], inability: Callable[[RedactionLimits], str]
) -> _Demand:
    """Met also by an engine of whose limits nothing is known."""
    return _Demand(
        code="redaction_not_supported",
        pointer=pointer,
        is_met=lambda able: able.redaction is None or is_met(able.redaction),
        inability=lambda able: "" if able.redaction is None else inability(able.redaction),
    )


def _unremovable(category: str, language: str, able: RedactionLimits) -> str:
    """The category, and why: the language, or that there is none of this name."""
    if category in able.categories:
        return f"'{category}' from {language}"
    near = difflib.get_close_matches(category, sorted(able.categories), n=3)
    return f"'{category}'" + (f"; near it are: {_one_of(near)}" if near else "")


def _analysis_demand(analysis: Analysis, language: str) -> _Demand:
    def inability(able: Capabilities) -> str:
        if analysis in able.analyses:
            return f"does not find out {analysis} in {language}"
        others = f"only {_some(sorted(able.analyses))}" if able.analyses else "nor anything else beside the words"
        return f"does not find out {analysis}, {others}"

    return _Demand(pointer="/analyses", is_met=lambda able: able.finds(analysis, language), inability=inability)


def _vocabulary_demands(terms: Sequence[str], language: str) -> Iterator[_Demand]:
    def limits(able: Capabilities) -> VocabularyLimits:
        return able.vocabulary or VocabularyLimits(terms=len(terms), words=longest)

    longest = max(map(_words, terms), default=0)
    yield _Demand(
        code="too_many_terms",
        pointer="/vocabulary",
        is_met=lambda able: len(terms) <= limits(able).most(language),
        inability=lambda able: f"takes {limits(able).most(language):,} key terms, and not {len(terms):,}",
    )
    yield _Demand(
        code="term_too_long",
        pointer="/vocabulary",
        is_met=lambda able: longest <= limits(able).words,
        inability=lambda able: f"takes key terms of {limits(able).words} words, and not of {longest}",
    )


def _size_demand(size: int) -> _Demand:
    def largest(able: Capabilities) -> int:
        return size if able.largest_bytes is None else able.largest_bytes

    return _Demand(
        code="file_too_large",
        pointer="/upload_id",
        is_met=lambda able: size <= largest(able),
        inability=lambda able: f"takes files of {largest(able):,} bytes at most, and this one has {size:,}",
        otherwise="no engine here takes more, so send the recording in parts or in a smaller format",
    )


def _choose(fit: Sequence[str], otherwise: str) -> str:
    return f"choose one of these engines: {_one_of(fit)}" if fit else otherwise


def _one_of(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LANGUAGES_NAMED])
    return f"{shown} and others" if len(names) > _LANGUAGES_NAMED else shown


def _words(term: str) -> int:
    return len(term.split())
