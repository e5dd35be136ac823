"""The control of the sandbox, below `/sandbox/`: faults, keys, and what it has seen. Needs no key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import msgspec
from aiohttp import web

from services.sandbox.assemblyai.door import Door, Handler, reply
from services.sandbox.assemblyai.faults import TRAITS, Chance, Fault, Faults, Once, check_argument
from services.sandbox.assemblyai.order import Order, Refusal
from services.sandbox.assemblyai.state import Fate, Key, State, Status, Transcript, Upload
from shared.errors import ConfigurationError

T = TypeVar("T")


class Chances(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `PUT /sandbox/faults`."""

    faults: tuple[Chance, ...] = ()
    seed: int | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that there is."""

    name: Fault
    meaning: str
    routes: tuple[str, ...]
    argument: str


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `GET /sandbox/faults`."""

    faults: tuple[Chance, ...]
    next: list[Once]
    happened: dict[str, int]
    known: list[Known]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A transcript in `GET /sandbox/transcripts`: what was accepted, and all that came of it."""

    id: str
    key: str
    audio_url: str
    audio_sha256: str | None
    answer_sha256: str | None
    status: Status
    error: str | None
    created: str
    completed: str | None
    listed: bool
    deleted: bool
    polls: int
    gets: int
    deletes: int
    webhook_attempts: int
    webhook_status_code: int | None
    webhook_over: bool
    fate: Fate
    order: Order


class Marked(Key, kw_only=True, forbid_unknown_fields=True):
    """Body of `PUT /sandbox/keys`."""

    key: str


class Refusing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /sandbox/outage`."""

    seconds: float


class Nothing(msgspec.Struct, frozen=True):
    """Body of `POST /sandbox/reset`."""


class Control:
    """`/sandbox/...`"""

    def __init__(
        self,
        *,
        state: State,
        faults: Faults,
        door: Door,
        outage: Callable[[float], Awaitable[None]],
        reset: Callable[[], Awaitable[None]],
    ) -> None:
        self._state = state
        self._faults = faults
        self._door = door
        self._outage = outage
        self._reset = reset

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.get("/sandbox/faults", _shows(self.situation)),
            web.put("/sandbox/faults", _takes(Chances, self.set_faults)),
            web.post("/sandbox/faults/next", _takes(Once, self.arm_fault)),
            web.put("/sandbox/keys", _takes(Marked, self.mark_key)),
            web.post("/sandbox/outage", _takes(Refusing, self.begin_outage)),
            web.get("/sandbox/transcripts", _shows(self.transcripts)),
            web.get("/sandbox/uploads", _shows(self.uploads)),
            web.get("/sandbox/requests", _shows(self.requests)),
            web.post("/sandbox/reset", _takes(Nothing, self.reset)),
        ]

    def situation(self) -> Situation:
        """What may go wrong, what did, and what there is to choose from."""
        return Situation(
            faults=self._faults.chances,
            next=self._faults.next,
            happened={str(fault): count for fault, count in sorted(self._faults.happened.items())},
            known=[
                Known(name=fault, meaning=trait.meaning, routes=trait.routes, argument=trait.argument)
                for fault, trait in TRAITS.items()
            ],
        )

    def transcripts(self) -> list[Seen]:
        """Everything that was accepted, in this order."""
        return [_seen(transcript) for transcript in self._state.transcripts.values()]

    def uploads(self) -> list[Upload]:
        """Everything that was uploaded."""
        return list(self._state.uploads.values())

    def requests(self) -> dict[str, dict[str, int]]:
        """How many requests there were, by call and by status or `dropped`."""
        counts: dict[str, dict[str, int]] = {}
        for (route, outcome), count in sorted(self._door.counts.items()):
            counts.setdefault(route, {})[outcome] = count
        return counts

    async def set_faults(self, chances: Chances) -> Situation:
        """Replace what goes wrong by chance."""
        _check((chance.name, chance.argument) for chance in chances.faults)
        self._faults.set(chances.faults, seed=chances.seed)
        return self.situation()

    async def arm_fault(self, once: Once) -> Situation:
        """Let something go wrong on the next request that fits."""
        _check([(once.name, once.argument)])
        self._faults.arm(once)
        return self.situation()

    async def mark_key(self, marked: Marked) -> Marked:
        """Mark a key as refused or as overdrawn, or as neither."""
        self._state.keys[marked.key] = Key(refused=marked.refused, negative_balance=marked.negative_balance)
        return marked

    async def begin_outage(self, refusing: Refusing) -> Refusing:
        """Refuse every connection for a while, from just after this one."""
        await self._outage(refusing.seconds)
        return refusing

    async def reset(self, nothing: Nothing) -> Nothing:
        """Forget everything: transcripts, audio, keys, faults, counts."""
        await self._reset()
        return nothing


def _shows(call: Callable[[], object]) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return reply(call())

    return handle


def _takes(kind: type[T], call: Callable[[T], Awaitable[object]]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read() or b"{}", type=kind)
            return reply(await call(body))
        except msgspec.DecodeError as error:
            return reply({"error": f"The body is not understood: {error}."}, 400)
        except Refusal as refusal:
            return reply({"error": str(refusal)}, refusal.status)

    return handle


def _check(arguments: Iterable[tuple[Fault, str | None]]) -> None:
    try:
        for fault, argument in arguments:
            check_argument(fault, argument)
    except ConfigurationError as error:
        raise Refusal(400, str(error)) from None


def _seen(transcript: Transcript) -> Seen:
    return Seen(
        listed=transcript.age >= transcript.fate.listed_after,
        audio_url=transcript.order.audio_url,
        order=msgspec.structs.replace(transcript.order, webhook_auth_header_value=None),
        **{name: getattr(transcript, name) for name in Seen.__struct_fields__ if name in _SHARED},
    )


_SHARED = set(Transcript.__struct_fields__) - {"order"}
