"""The engines of this process by name, and which of them a job may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

from services.transcriber.engines import AnsweringEngine, Engine, RentedEngine
from services.transcriber.engines.surroundings import Surroundings
from shared.engines import choose, engine_for
from shared.errors import ConfigurationError
from shared.schemas.engines import EngineOffer, EngineRules
from shared.schemas.jobs import JobOptions

RENTED = ("assemblyai", "deepgram", "openai", "google")
"""Engines of providers; the first with a key of the deployment is the usual default."""

KEYED = ("assemblyai", "deepgram", "openai")
"""Those of them that tenants can bring a key of."""

ENGINES = (*RENTED, "local", "scripted")
"""Modules of this package; each has `open_engine(surroundings)`, which gives null where the engine is not configured."""

_NO_RULES = EngineRules()


class Engines:
    """What this process transcribes with."""

    def __init__(self, engines: Mapping[str, Engine], *, default: str | None = None) -> None:
        default = default or _usual(engines)
        if default not in engines:
            raise ConfigurationError(
                f"AUDIO2TXT_ENGINE: there is no engine {default!r}; there are: {', '.join(sorted(engines)) or 'none'}. "
                "The engine `local` comes with `audio2txt[local]`."
            )
        self._engines = engines
        self.offers = tuple(_offer(engine, is_default=name == default) for name, engine in sorted(engines.items()))
        """What jobs can choose among."""

    def __iter__(self) -> Iterator[Engine]:
        return iter(self._engines.values())

    def __getitem__(self, name: str) -> Engine:
        return self._engines[name]

    def name_for(self, options: JobOptions, rules: EngineRules = _NO_RULES) -> str:
        """The engine a job is meant for: the one it asks for, its tenant's, or the default."""
        return engine_for(options, rules, self.offers)

    def get(self, name: str) -> Engine | None:
        """The engine of this name, if there is one still."""
        return self._engines.get(name)

    async def close(self) -> None:
        """Let go of processes and connections."""
        for engine in self:
            await engine.close()

    def check(self, options: JobOptions, rules: EngineRules = _NO_RULES) -> None:
        """Raise `EngineRefused` when the job's engine may not or cannot do what it asks for."""
        choose(options, rules, self.offers)


def open_engines(surroundings: Surroundings) -> Engines:
    """Every engine that the settings and the installed packages make possible."""
    opened = [_opener(name)(surroundings) for name in ENGINES]
    engines = {engine.name: engine for engine in opened if engine is not None}
    return Engines(engines, default=surroundings.settings.engine)


def _opener(name: str) -> Callable[[Surroundings], Engine | None]:
    opener: Callable[[Surroundings], Engine | None] = import_module(f"services.transcriber.engines.{name}").open_engine
    return opener


def _usual(engines: Mapping[str, Engine]) -> str:
    """The first of the providers' engines with a key, or else the one in the house."""
    return next((name for name in RENTED if name in engines and _has_key(engines[name])), "local")


def _offer(engine: Engine, *, is_default: bool) -> EngineOffer:
    return EngineOffer(
        name=engine.name,
        rented=isinstance(engine, RentedEngine | AnsweringEngine),
        is_default=is_default,
        has_key=_has_key(engine),
        models=engine.models,
        capabilities=engine.capabilities,
    )


def _has_key(engine: Engine) -> bool:
    """Whether the deployment can use it: engines in the house need no key."""
    return not isinstance(engine, RentedEngine | AnsweringEngine) or engine.key is not None
