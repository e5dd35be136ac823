"""The options of `audio2txt transcribe` that say what is wanted of the work on a recording."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from shared.errors import ConfigurationError
from shared.schemas.jobs import Analysis, ArtifactFormat, ReportMode, Script

if TYPE_CHECKING:
    from audio2txt_client import JobWishes, RedactionWish, SpeakersWish

N = TypeVar("N", ArtifactFormat, Analysis)


def add_wishes(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--language", help="spoken language, such as en or zh-Hant (default: detect it)")
    parser.add_argument("--formats", help="comma-separated, of " + ", ".join(ArtifactFormat) + " (default: the solution's)")
    parser.add_argument("--solution", metavar="ID", help="scenario of the report; see `solutions list` (default: verbatim)")
    add_report_wishes(parser)
    parser.add_argument(
        "--script", choices=[*Script], help="Chinese script of the text (default: the solution's or the server's)"
    )
    parser.add_argument("--engine", help="speech engine (default: the server's)")
    parser.add_argument("--speakers", metavar="N|N-M", help="how many people speak, when you are sure")
    parser.add_argument(
        "--vocabulary", type=Path, metavar="FILE", help="names and terms that are likely to be said, one a line"
    )
    parser.add_argument("--term", action="append", default=[], metavar="TERM", help="one more of them; may be repeated")
    parser.add_argument(
        "--vocabulary-set",
        action="append",
        metavar="NAME",
        help="a vocabulary kept on the server, see `vocabularies list`; may be repeated (default: the tenant's)",
    )
    parser.add_argument("--channels", action="store_true", help="each channel of the recording is one speaker")
    parser.add_argument("--redact", metavar="CATEGORIES", help="remove these, such as person_name,phone_number")
    parser.add_argument("--redact-audio", action="store_true", help="also make a recording in which they cannot be heard")
    parser.add_argument("--analyses", help="comma-separated, of " + ", ".join(Analysis))
    parser.add_argument(
        "--duplicates",
        choices=("allow", "reuse", "refuse"),
        help="where there is a job of the same recording: make another (the default), take it if it was asked the same, refuse",
    )
    add_desk_wishes(parser)


def add_desk_wishes(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how the jobs are found again, and when they are worked on."""
    group = parser.add_argument_group("to find the jobs again, and when to begin")
    group.add_argument("--title", help="what the recording is called (default: its file's name), or several together")
    group.add_argument("--tag", action="append", default=[], metavar="TAG", help="a word to find the jobs by; may be repeated")
    group.add_argument(
        "--metadata",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="comes back unchanged in the job and its webhooks; may be repeated",
    )
    group.add_argument("--priority", choices=("low", "normal", "high"), help="which of your jobs that wait come first")
    group.add_argument(
        "--start-after",
        metavar="TIME",
        help="not to begin before it, such as 22:00 (the next) or 2026-12-01T06:00; this machine's time where it has no zone",
    )


def add_report_wishes(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a report is to be, whatever its transcript."""
    parser.add_argument("--report-language", choices=("zh-Hant", "en"), help="of the report (default: the solution's)")
    parser.add_argument(
        "--report-mode",
        choices=[*ReportMode],
        help="who writes it: code (extractive), a language model (llm) or the speech engine (provider)",
    )
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=VALUE", help="for the solution's inputs; may be repeated"
    )


def read_pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` each; raises `ConfigurationError`."""
    for text in texts:
        if not text.partition("=")[0].strip() or "=" not in text:
            raise ConfigurationError(f"{option}: {text!r} is not NAME=VALUE, such as matter_no=2026-117.")
    return {name.strip(): value for name, _, value in (text.partition("=") for text in texts)}


def order_of(arguments: argparse.Namespace) -> JobWishes:
    """What is asked of the gateway, without what was not typed; raises `ConfigurationError` that names the option."""
    wishes: JobWishes = {
        "language": arguments.language,
        "engine": arguments.engine,
        "solution": arguments.solution,
        "formats": listed("--formats", arguments.formats, ArtifactFormat),
        "speakers": _speakers(arguments.speakers),
        "vocabulary": (*(read_terms(arguments.vocabulary) if arguments.vocabulary else ()), *arguments.term),
        "vocabularies": arguments.vocabulary_set,
        "channels": arguments.channels,
        "redaction": _redaction(arguments.redact, audio=arguments.redact_audio),
        "analyses": listed("--analyses", arguments.analyses, Analysis),
        "script": arguments.script,
        "report_language": arguments.report_language,
        "report_mode": arguments.report_mode,
        "inputs": read_pairs("--input", arguments.input),
        "title": arguments.title,
        "tags": tuple(arguments.tag),
        "metadata": read_pairs("--metadata", arguments.metadata),
        "priority": arguments.priority,
        "start_after": read_time("--start-after", arguments.start_after),
        "duplicates": arguments.duplicates,
    }
    return cast("JobWishes", {name: wish for name, wish in wishes.items() if wish})


def read_terms(path: Path) -> tuple[str, ...]:
    """A term a line, each once; raises `ConfigurationError`."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read as UTF-8 text: {error}.") from None
    return tuple(dict.fromkeys(" ".join(line.split()) for line in lines if line.strip()))


def read_time(option: str, text: str | None, *, now: dt.datetime | None = None) -> dt.datetime | None:
    """A date and time, or the next such hour of the day, where it has no zone by this machine's clock; raises
    `ConfigurationError`."""
    if text is None:
        return None
    now = (now or dt.datetime.now(dt.UTC)).astimezone()
    try:
        hour = dt.time.fromisoformat(text) if ":" in text and "-" not in text.partition(":")[0] else None
        moment = dt.datetime.fromisoformat(text) if hour is None else dt.datetime.combine(now, hour)
    except ValueError:
        raise ConfigurationError(
            f"{option}: {text!r} is neither an hour such as 22:00 nor a time such as 2026-12-01T06:00."
        ) from None
    moment = moment.astimezone()
    return moment + dt.timedelta(days=1) if hour is not None and moment <= now else moment


def _speakers(text: str | None) -> SpeakersWish | None:
    if text is None:
        return None
    least, dash, most = text.partition("-")
    if not least.isdecimal() or (dash and not most.isdecimal()):
        raise ConfigurationError(f"--speakers: {text!r} is neither a number nor a range such as 2-4.")
    return {"min": int(least), "max": int(most if dash else least)}


def _redaction(text: str | None, *, audio: bool) -> RedactionWish | None:
    if text is None:
        if audio:
            raise ConfigurationError("--redact-audio needs --redact, which says what must not be heard.")
        return None
    return {"categories": tuple(part.strip() for part in text.split(",")), "audio": audio}


def listed(option: str, text: str | None, kind: type[N]) -> tuple[N, ...]:
    """The members of a comma-separated list; raises `ConfigurationError`."""
    names = [] if text is None else [part.strip().lower() for part in text.split(",")]
    if unknown := [name for name in names if name not in list(kind)]:
        raise ConfigurationError(f"{option}: there is no {unknown[0]!r}; there are {', '.join(kind)}.")
    return tuple(kind(name) for name in names)
