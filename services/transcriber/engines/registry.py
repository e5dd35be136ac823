"""The engines of this process by name, and which of them a job may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

from services.transcriber.engines import AnsweringEngine, Engine, RentedEngine
from services.transcriber.engines.surroundings import Surroundings
from shared.errors import ConfigurationError, JobError
from shared.schemas.jobs import JobOptions

ENGINES = ("local", "scripted")  # the first rented one with a key is the usual default
"""Modules of this package; each has `open_engine(surroundings)`, which gives null where the engine is not configured."""

_LANGUAGES_NAMED = 12


class Engines:
    """What this process transcribes with."""

    def __init__(self, engines: Mapping[str, Engine], *, default: str | None = None) -> None:
        default = default or _usual(engines)
        if default not in engines:
            raise ConfigurationError(
                f"AUDIO2TXT_ENGINE: there is no engine {default!r}; there are: {_names(engines)}. "
                "The engine `local` comes with `audio2txt[local]`."
            )
        self._engines = engines
        self._default = default

    def __iter__(self) -> Iterator[Engine]:
        return iter(self._engines.values())

    def __getitem__(self, name: str) -> Engine:
        return self._engines[name]

    def name_for(self, options: JobOptions) -> str:
        """The engine a job asks for, or the default."""
        return options.engine or self._default

    def get(self, name: str) -> Engine | None:
        """The engine of this name, if there is one still."""
        return self._engines.get(name)

    async def close(self) -> None:
        """Let go of processes and connections."""
        for engine in self:
            await engine.close()

    def check(self, options: JobOptions) -> None:
        """Raise `JobError` (`unknown_engine`, `language_not_supported`) when the job's engine cannot do what it asks for."""
        name = self.name_for(options)
        if name not in self._engines:
            raise JobError("unknown_engine", f"There is no engine {name!r} here; choose one of: {_names(self._engines)}.")
        if not self._engines[name].capabilities.speaks(options.language):
            raise JobError("language_not_supported", self._what_speaks(name, options.language))

    def _what_speaks(self, name: str, language: str) -> str:
        fit = {other: engine for other, engine in self._engines.items() if engine.capabilities.speaks(language)}
        spoken = sorted(self._engines[name].capabilities.languages or ())
        shown = ", ".join(spoken[:_LANGUAGES_NAMED]) + (" and others" if len(spoken) > _LANGUAGES_NAMED else "")
        advice = (
            f"choose another language, or one of these engines: {_names(fit)}"
            if fit
            else "no engine here does, until the operator adds one or sets AUDIO2TXT_LOCAL_MODEL to a larger model"
        )
        return f"The engine {name} does not understand {language}, only {shown}; {advice}."


def open_engines(surroundings: Surroundings) -> Engines:
    """Every engine that the settings and the installed packages make possible."""
    opened = [_opener(name)(surroundings) for name in ENGINES]
    engines = {engine.name: engine for engine in opened if engine is not None}
    return Engines(engines, default=surroundings.settings.engine)


def _opener(name: str) -> Callable[[Surroundings], Engine | None]:
    opener: Callable[[Surroundings], Engine | None] = import_module(f"services.transcriber.engines.{name}").open_engine
    return opener


def _usual(engines: Mapping[str, Engine]) -> str:
    """The first engine with a key, or else the one in the house."""
    keyed = (name for name, engine in engines.items() if isinstance(engine, RentedEngine | AnsweringEngine) and engine.key)
    return next(keyed, "local")


def _names(engines: Mapping[str, Engine]) -> str:
    return ", ".join(sorted(engines)) or "none"
