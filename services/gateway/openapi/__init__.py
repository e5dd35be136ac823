"""What OpenAPI says about a route beside its parameters and its docstring; `document` describes them all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.gateway.admission import COUNTED, NEEDS, PUBLIC
from services.gateway.codes import Code
from services.gateway.deprecation import DEPRECATED, Deprecation
from services.gateway.permissions import Permission
from services.gateway.rates.policy import RateClass

OPERATION = "operation"
"""Where a route's `opt` keeps its description."""

JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One successful answer of a route."""

    description: str
    content: Any = None
    """The type of the body; null for none, a schema for what is no JSON of ours."""
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What OpenAPI says about a route beside its parameters and its docstring."""

    needs: Permission | None
    """What the requester must be allowed; null for a route that is for anybody."""
    summary: str
    tag: str
    answers: Mapping[int, Answer]
    problems: Mapping[int, str] = field(default_factory=dict)
    """When which status from 400 upwards is answered."""
    codes: Sequence[Code] = ()
    """With which codes, beside those that every route has, or every one that reads JSON."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Type (or schema) of the request's body by media type."""
    body_required: bool = True
    deprecated: Deprecation | None = None
    """For a route that is to go."""
    required: Collection[str] = ()
    """Headers that must be there, and whose absence the route itself explains."""
    examples: Mapping[str, Any] = field(default_factory=dict)
    """JSON bodies by what they ask for; without any, one is made of the fields that must be there."""
    kept: bool = True
    """Whether whoever gets the answer may keep it, so that it has an entity tag: no secret, and no stream."""
    counted: RateClass | None = None
    """Which limit of requests holds; null for the usual one of the method."""

    @property
    def opt(self) -> dict[str, Any]:
        """For the route's `opt`."""
        counted = {} if self.counted is None else {COUNTED: self.counted}
        needs = {PUBLIC: True} if self.needs is None else {NEEDS: self.needs}
        deprecated = {} if self.deprecated is None else {DEPRECATED: self.deprecated}
        return {OPERATION: self, **needs, **counted, **deprecated}
