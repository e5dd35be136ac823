"""What an image holds: its own service with its packages, nobody else's, and no right to change either."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from services.commands.doctor import PARTS
from shared.runtime import SERVICES
from tests.images.containers import TrialFailed, run_command
from tests.images.engines import Engine

EXTRAS = {service: {service} for service in SERVICES} | {
    "gateway": {"gateway", "client"},
    "transcriber": {"transcriber", "local"},
}
"""Extras of the package that each image is made with."""

SHARED_BY_CHANCE = {"httpx", "httpx_sse", "rich"}
"""Modules that packages of other services bring along."""

PROBE = """
import importlib.util, json, os, pathlib, sys
modules = {name: importlib.util.find_spec(name) is not None for name in sys.argv[1:]}
services = sorted(path.parent.name for path in pathlib.Path("services").glob("*/app.py"))
print(json.dumps({"user": os.getuid(), "services": services, "modules": modules, "writable": os.access("services", os.W_OK)}))
"""


class Contents(msgspec.Struct, frozen=True):
    """What the probe found."""

    user: int
    services: list[str]
    modules: dict[str, bool]
    writable: bool


async def check_contents(engine: Engine, service: str, image: str) -> None:
    """Raise `TrialFailed` unless the image holds its own and nothing else."""
    wanted = {module for extra in EXTRAS[service] for module in PARTS[extra]} - SHARED_BY_CHANCE
    known = {module for modules in PARTS.values() for module in modules} - SHARED_BY_CHANCE
    done = await run_command(engine, image, *sorted(known), settings={}, program=("python", "-c", PROBE))
    if done.returncode:
        raise TrialFailed(f"{image} cannot be looked into: {done.stderr.strip()[-1500:]}")
    found = msgspec.json.decode(done.stdout, type=Contents)
    present = {module for module, is_there in found.modules.items() if is_there}
    if present != wanted:
        raise TrialFailed(f"{image} lacks {_names(wanted - present)} and should not have {_names(present - wanted)}.")
    if found.services != [service]:
        raise TrialFailed(f"{image} holds the services {_names(found.services)}.")
    if found.user == 0 or found.writable:
        raise TrialFailed(f"{image} runs as user {found.user}, who may change the code.")


async def check_refusal(engine: Engine, service: str, image: str, settings: Mapping[str, str]) -> str:
    """What the image says when it is asked for another's service: one sentence, which is returned."""
    other = next(name for name in SERVICES if name != service)
    done = await run_command(engine, image, "run", other, settings={**settings, "AUDIO2TXT_PORT": "0"})
    said = [line for line in done.stderr.splitlines() if line.startswith("audio2txt: ")]
    if done.returncode != 2 or len(said) != 1 or "Traceback" in done.stderr:
        raise TrialFailed(f"`{image} run {other}` should be refused in one sentence, but: {done.stderr.strip()[-1500:]}")
    return said[0]


def _names(found: object) -> str:
    names = sorted(found) if isinstance(found, set | list) else []
    return ", ".join(names) or "nothing"
