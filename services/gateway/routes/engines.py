"""`/v1/engines`: what a tenant can choose among."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec
from litestar import Response, get
from msgspec import Meta

from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.context import Api, ApiRequest
from services.gateway.store.engines import Choice
from shared.engines import engine_for, may_use
from shared.schemas.engines import EngineOffer, Feature, RedactionLimits, WordTimes
from shared.schemas.jobs import Analysis, JobOptions, RedactionSubstitute

Name = TypeVar("Name", bound=str)
Languages = tuple[Annotated[str, Meta(examples=["en"])], ...]


class EngineVocabularyView(msgspec.Struct, frozen=True, kw_only=True):
    """How many key terms an engine takes."""

    terms: Annotated[int, Meta(description="Terms of one job.", examples=[1000])]
    words: Annotated[int, Meta(description="Words of one term.", examples=[6])]


class RedactionView(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine can remove from transcripts."""

    categories: Annotated[tuple[str, ...], Meta(description="What to remove.", examples=[["person_name", "phone_number"]])]
    category_languages: Annotated[
        dict[str, Languages], Meta(description="Categories that can be removed in some languages only.")
    ]
    substitutes: Annotated[tuple[RedactionSubstitute, ...], Meta(description="What can stand in their place.")]
    needs_language: Annotated[bool, Meta(description="Whether the job must name its language.")]
    unredacted: Annotated[
        tuple[Analysis, ...], Meta(description="Analyses that repeat words, and cannot be had together with it.")
    ]


class EngineView(msgspec.Struct, frozen=True, kw_only=True):
    """A speech engine, and what it can do."""

    name: Annotated[str, Meta(description="To give as a job's `engine`.", examples=["assemblyai"])]
    default: Annotated[bool, Meta(description="Whether it does the jobs that name no engine.")]
    rented: Annotated[bool, Meta(description="Whether the audio leaves the house for a provider.")]
    own_key: Annotated[bool, Meta(description="Whether it works on a key of your own.")]
    models: Annotated[tuple[str, ...], Meta(description="What it hears with.", examples=[["universal-3-5-pro"]])]
    languages: Annotated[Languages | None, Meta(description="Those it understands, without script and region; null for any.")]
    features: Annotated[
        tuple[Feature, ...], Meta(description="What a job may ask beyond words.", examples=[["speakers", "vocabulary"]])
    ]
    feature_languages: Annotated[
        dict[str, Languages],
        Meta(description="Features that work in some languages only.", examples=[{"redaction": ["en", "es"]}]),
    ]
    analyses: Annotated[
        tuple[Analysis, ...], Meta(description="What it finds out beside the words.", examples=[["entities", "topics"]])
    ]
    analysis_languages: Annotated[dict[str, Languages], Meta(description="Analyses that work in some languages only.")]
    redaction: Annotated[RedactionView | None, Meta(description="What it can remove; null when nothing is known of it.")]
    word_times: Annotated[WordTimes, Meta(description="`approximate` ones are interpolated inside a passage.")]
    vocabulary: Annotated[EngineVocabularyView | None, Meta(description="Limits of key terms; null sets none.")]
    longest_ms: Annotated[int | None, Meta(description="Longest recording; null sets no limit of its own.")]
    largest_bytes: Annotated[int | None, Meta(description="Largest file; null sets no limit of its own.")]
    keeps_copies: Annotated[bool, Meta(description="Whether the provider keeps copies, which we delete when we have the text.")]


class EngineList(msgspec.Struct, frozen=True, kw_only=True):
    """The engines a tenant may use."""

    data: tuple[EngineView, ...]


@get(
    "/engines",
    opt=Operation(
        needs=Permission.ENGINES_READ,
        summary="List the speech engines",
        tag="Account",
        answers={200: Answer(description="Those your jobs may use, by name.", content=EngineList)},
    ).opt,
)
async def list_engines(request: ApiRequest, gateway: Api) -> Response[EngineList]:
    """The engines that the tenant's jobs may use, what each can do, and which one does the jobs that name none."""
    choice = await gateway.choosing.choice(request.user.tenant_id)
    usual = engine_for(JobOptions(), choice.rules, choice.offers)
    usable = [offer for offer in choice.offers if may_use(choice.rules, offer)]
    return Response(EngineList(data=tuple(_view(offer, choice, is_default=offer.name == usual) for offer in usable)))


def _view(offer: EngineOffer, choice: Choice, *, is_default: bool) -> EngineView:
    able = offer.capabilities
    return EngineView(
        name=offer.name,
        default=is_default,
        rented=offer.rented,
        own_key=offer.name in choice.rules.keys,
        models=offer.models,
        languages=None if able.languages is None else tuple(sorted(able.languages)),
        features=tuple(sorted(able.features)),
        feature_languages=_languages(able.feature_languages),
        analyses=tuple(sorted(able.analyses)),
        analysis_languages=_languages(able.analysis_languages),
        redaction=None if able.redaction is None else _redaction(able.redaction),
        word_times=able.word_times,
        vocabulary=None
        if able.vocabulary is None
        else EngineVocabularyView(terms=able.vocabulary.terms, words=able.vocabulary.words),
        longest_ms=able.longest_ms,
        largest_bytes=able.largest_bytes,
        keeps_copies=able.keeps_copies,
    )


def _redaction(limits: RedactionLimits) -> RedactionView:
    return RedactionView(
        categories=tuple(sorted(limits.categories)),
        category_languages=_languages(limits.category_languages),
        substitutes=tuple(sorted(limits.substitutes)),
        needs_language=not limits.detects_language,
        unredacted=tuple(sorted(limits.unredacted)),
    )


def _languages(limited: Mapping[Name, frozenset[str]]) -> dict[str, Languages]:
    return {str(name): tuple(sorted(codes)) for name, codes in sorted(limited.items())}
