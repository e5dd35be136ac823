"""What can go wrong on demand: by chance, with a seed to repeat it, or once on the next request that fits."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from shared.errors import ConfigurationError


class Fault(StrEnum):
    """Everything that can go wrong. The first group befalls requests, the second transcripts, the others what follows."""

    DROP = "drop"
    THROTTLED = "throttled"
    THROTTLED_SILENTLY = "throttled_silently"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    OUTAGE = "outage"
    ACCEPTED_THEN_DROPPED = "accepted_then_dropped"
    ACCEPTED_THEN_500 = "accepted_then_500"
    ACCEPTED_THEN_SILENCE = "accepted_then_silence"
    SLOW_BODY = "slow_body"
    TRUNCATED_JSON = "truncated_json"
    CUT_BODY = "cut_body"

    LIST_LAG = "list_lag"
    JOB_ERROR = "job_error"
    UPLOAD_EXPIRED = "upload_expired"
    NEW_VALUES = "new_values"

    WEBHOOK_LOST = "webhook_lost"
    WEBHOOK_DOUBLED = "webhook_doubled"
    WEBHOOK_LATE = "webhook_late"

    REDACTED_AUDIO_EXPIRED = "redacted_audio_expired"


class Route(StrEnum):
    """The calls, as faults and counts name them."""

    UPLOAD = "upload"
    SUBMIT = "submit"
    GET = "get"
    LIST = "list"
    DELETE = "delete"
    SENTENCES = "sentences"
    PARAGRAPHS = "paragraphs"
    SUBTITLES = "subtitles"
    WORD_SEARCH = "word_search"
    REDACTED_AUDIO = "redacted_audio"
    CHAT = "chat"
    MODELS = "models"
    WEBHOOK = "webhook"
    """Ours to the client."""


class Trait(msgspec.Struct, frozen=True):
    """What is known about a fault."""

    meaning: str
    routes: tuple[Route, ...] = ()
    """The requests it befalls unless told otherwise; empty: any."""
    argument: str = ""
    """The default."""


TRAITS = {
    Fault.DROP: Trait("the connection is dropped, nothing is done"),
    Fault.THROTTLED: Trait("429 with Retry-After: ARG seconds", argument="1"),
    Fault.THROTTLED_SILENTLY: Trait("429 without Retry-After"),
    Fault.SERVER_ERROR: Trait("500 to this request and more: ARG requests in all, or for ARG seconds (3s)", argument="1"),
    Fault.UNAVAILABLE: Trait("503 without a body, likewise", argument="1"),
    Fault.OUTAGE: Trait("every connection refused for ARG seconds", argument="5s"),
    Fault.ACCEPTED_THEN_DROPPED: Trait("done, then the connection is dropped", (Route.SUBMIT,)),
    Fault.ACCEPTED_THEN_500: Trait("done, then answered with 500", (Route.SUBMIT,)),
    Fault.ACCEPTED_THEN_SILENCE: Trait("done, then no answer for ARG seconds, then dropped", (Route.SUBMIT,), "60"),
    Fault.SLOW_BODY: Trait("the body drips over ARG seconds", (Route.GET, Route.LIST), "3"),
    Fault.TRUNCATED_JSON: Trait("half of the JSON, as if it were all; the next answer there is whole", (Route.GET,)),
    Fault.CUT_BODY: Trait("dropped in the middle of the body; the next answer there is whole", (Route.GET,)),
    Fault.LIST_LAG: Trait("the transcript appears in lists only ARG seconds after it was accepted", (Route.SUBMIT,), "10"),
    Fault.JOB_ERROR: Trait(
        "ends in error: ARG is server, no_audio, too_short, download, or a text of yours", (Route.SUBMIT,), "server"
    ),
    Fault.UPLOAD_EXPIRED: Trait("the audio cannot be read any more: an error that names 403", (Route.SUBMIT,)),
    Fault.NEW_VALUES: Trait("unknown fields, and unknown values of speech_model and entity_type", (Route.SUBMIT,)),
    Fault.WEBHOOK_LOST: Trait("never sent", (Route.WEBHOOK,)),
    Fault.WEBHOOK_DOUBLED: Trait("sent twice", (Route.WEBHOOK,)),
    Fault.WEBHOOK_LATE: Trait("sent ARG seconds late", (Route.WEBHOOK,), "5"),
    Fault.REDACTED_AUDIO_EXPIRED: Trait("400, as after a day", (Route.REDACTED_AUDIO,)),
}  # fmt: skip


class Chance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that happens now and then."""

    name: Fault
    probability: float = 1.0
    argument: str | None = None
    """Null is the fault's own default."""
    route: Route | None = None
    """Null is the fault's own choice."""


class Once(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that happens to the next request that fits."""

    name: Fault
    argument: str | None = None
    route: Route | None = None
    times: int = 1


class Faults:
    """Decides what goes wrong, and counts it."""

    def __init__(self, chances: Sequence[Chance] = (), *, seed: int | None = None) -> None:
        self.chances: tuple[Chance, ...] = ()
        self.next: list[Once] = []
        self.happened: Counter[Fault] = Counter()
        self.set(chances, seed=seed)

    def set(self, chances: Sequence[Chance], *, seed: int | None = None) -> None:
        """Replace what happens by chance; one-shot faults that wait for their request are dropped."""
        self.chances = tuple(chances)
        self.next.clear()
        self._random = random.Random(seed)

    def arm(self, once: Once) -> None:
        """Let it happen to the next requests that fit."""
        check_argument(once.name, once.argument)
        self.next.append(once)

    def strike(self, fault: Fault, route: Route) -> str | None:
        """The fault's argument if it happens now; an empty string counts."""
        if not self.chances and not self.next:
            return None
        argument = self._once(fault, route)
        if argument is None:
            argument = self._by_chance(fault, route)
        if argument is not None:
            self.happened[fault] += 1
        return argument

    def _once(self, fault: Fault, route: Route) -> str | None:
        for number, once in enumerate(self.next):
            if once.name is fault and _fits(once, route):
                if once.times > 1:
                    self.next[number] = msgspec.structs.replace(once, times=once.times - 1)
                else:
                    del self.next[number]
                return _argument(once)
        return None

    def _by_chance(self, fault: Fault, route: Route) -> str | None:
        for chance in self.chances:
            if chance.name is fault and _fits(chance, route) and self._random.random() < chance.probability:
                return _argument(chance)
        return None


def parse_chance(text: str) -> Chance:
    """`NAME[@ROUTE]=PROBABILITY[:ARG]`; `ConfigurationError` when it is not that."""
    left, _, right = text.partition("=")
    name, _, route = left.partition("@")
    probability, _, argument = right.partition(":")
    try:
        chance = Chance(
            name=Fault(name),
            probability=float(probability or 1),
            argument=argument or None,
            route=Route(route) if route else None,
        )
    except ValueError:
        raise ConfigurationError(
            f"--fault {text} cannot be understood; write NAME[@ROUTE]=PROBABILITY[:ARG], as in throttled@submit=0.1:2, "
            f"with a NAME of {', '.join(Fault)} and a ROUTE of {', '.join(Route)}."
        ) from None
    check_argument(chance.name, chance.argument)
    return chance


class Span(msgspec.Struct, frozen=True):
    """How long something lasts: so many requests, or so many seconds."""

    requests: int = 0
    seconds: float = 0.0


def parse_span(text: str) -> Span:
    """`5` requests, `5s` seconds."""
    return Span(seconds=float(text[:-1])) if text.endswith("s") else Span(requests=int(text))


_SPANS = {Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.OUTAGE}
_NUMBERS = {Fault.THROTTLED, Fault.ACCEPTED_THEN_SILENCE, Fault.SLOW_BODY, Fault.LIST_LAG, Fault.WEBHOOK_LATE}


def check_argument(fault: Fault, argument: str | None) -> None:
    """Raise `ConfigurationError` when the fault cannot mean this."""
    if argument is None:
        return
    try:
        if fault in _SPANS:
            parse_span(argument)
        elif fault in _NUMBERS:
            float(argument)
    except ValueError:
        raise ConfigurationError(f"{argument} is no argument of {fault}: {TRAITS[fault].meaning}.") from None


def _fits(fault: Chance | Once, route: Route) -> bool:
    routes = (fault.route,) if fault.route is not None else TRAITS[fault.name].routes
    return not routes or route in routes


def _argument(fault: Chance | Once) -> str:
    return TRAITS[fault.name].argument if fault.argument is None else fault.argument
