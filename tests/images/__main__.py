"""`deploy/try-images`: starts the four services from their images over the real servers, and sends jobs through."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared.errors import Audio2txtError
from shared.runtime import SERVICES
from tests.bench.processes import Trees
from tests.customer import SAMPLE, Customer, Receiver, receiving
from tests.images.containers import ServiceContainer, TrialFailed, must
from tests.images.contents import check_contents, check_refusal
from tests.images.engines import Engine, find_engine
from tests.installation import distributed_settings, fresh_bucket
from tests.servers.postgresql import PostgresServer
from tests.servers.rabbitmq import RabbitServer
from tests.servers.seaweedfs import SeaweedServer

SAID = "best of times"
REPORT = ("pdf", "docx", "txt", "md", "json")
MAGIC = {"pdf": b"%PDF-", "docx": b"PK\x03\x04"}
"""What files begin with."""
LOG_LINES = 15

DESCRIPTION = """\
Show that the image of each service holds what it should, starts, and does its part: RabbitMQ, PostgreSQL and an S3
store are started, the database is migrated and the first key made by the gateway's image, then the four services run
from their images, and three recordings go through them, one heard by the local engine and two by the scripted one, of
which one becomes a report, until their webhooks have come. Everything is stopped and removed at the end; the exit
status is 1 when anything went wrong.

Uses the Docker engine, or buildah as root where there is none (STORAGE_DRIVER chooses its storage, vfs if unset;
BUILDAH_LAYERS=true caches layers, which is worth it with overlay).
Needs `make setup`, and Linux, because the containers share the machine's network.
"""


def main() -> int:
    """Try the images."""
    parser = argparse.ArgumentParser(
        prog="deploy/try-images", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", action="store_true", help="build the images first, from this working tree")
    parser.add_argument("--engine", choices=("docker", "buildah"), help="default: Docker where it answers, else buildah")
    parser.add_argument("--prefix", default="audio2txt-", help="what the images' names start with (default: audio2txt-)")
    arguments = parser.parse_args()
    try:
        engine = find_engine(arguments.engine)
        images = {service: f"{arguments.prefix}{service}" for service in SERVICES}
        if arguments.build:
            _build(engine, images)
        asyncio.run(_try(engine, images))
    except Audio2txtError as error:
        sys.stderr.write(f"try-images: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _build(engine: Engine, images: Mapping[str, str]) -> None:
    for service, image in images.items():
        began = time.monotonic()
        engine.build(service, image)
        _say(f"{image}: built in {time.monotonic() - began:.0f} s")


async def _try(engine: Engine, images: Mapping[str, str]) -> None:
    for service, image in images.items():
        await check_contents(engine, service, image)
        _say(f"{image}: {engine.size(image) / 1e6:.0f} MB, holds its own and nothing else")
    with ExitStack() as servers:
        backends = await asyncio.to_thread(_start_servers, servers)
        key = (await must(engine, images["gateway"], "new-key", settings={})).strip()
        settings = {**backends, **_settings(key)}
        await _operate(engine, images, settings)
        async with AsyncExitStack() as stack:
            services = await _start_services(engine, images, settings, stack)
            await _send_jobs(services["gateway"].url, key)
            await _ask(engine, images["gateway"], services["gateway"].url, key)
            _show_memory(services, "after the jobs")
            await asyncio.gather(*(container.stop() for container in services.values()))
            _say("stopped: all four drained and ended in order")


def _start_servers(stack: ExitStack) -> dict[str, str]:
    rabbitmq, seaweed = stack.enter_context(RabbitServer()), stack.enter_context(SeaweedServer())
    postgres = stack.enter_context(PostgresServer())
    _say("servers: RabbitMQ, PostgreSQL and SeaweedFS are up")
    return distributed_settings(
        database_url=postgres.create_database(),
        bus_url=rabbitmq.create_vhost(),
        blobs_url=seaweed.blobs_url(fresh_bucket()),
        s3=seaweed.credentials,
    )


def _settings(key: str) -> dict[str, str]:
    return {
        "AUDIO2TXT_SECRET_KEY": "a secret of the trial, long enough for everyone",
        "AUDIO2TXT_BOOTSTRAP_API_KEY": key,
        "AUDIO2TXT_SCRIPTED_ENGINE": "true",
        "AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.1/32",
    }


async def _operate(engine: Engine, images: Mapping[str, str], settings: Mapping[str, str]) -> None:
    """What an operator does with the gateway's image before the start, and what the others answer to a wrong command."""
    applied = (await must(engine, images["gateway"], "migrate", settings=settings)).splitlines()
    _say(f"migrate: {len(applied) - 1} migrations applied")
    await must(engine, images["gateway"], "doctor", settings=settings)
    await must(engine, images["gateway"], "dead-letters", "list", settings=settings)
    _say("doctor: everything is reachable; dead-letters: lists")
    for service, image in images.items():
        _say(f"{image}: {await check_refusal(engine, service, image, settings)}")


async def _start_services(
    engine: Engine, images: Mapping[str, str], settings: Mapping[str, str], stack: AsyncExitStack
) -> dict[str, ServiceContainer]:
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="audio2txt-images-")))
    services = {
        service: ServiceContainer(engine=engine, service=service, image=image, settings=settings, folder=folder)
        for service, image in images.items()
    }
    stack.push(_show_logs_of(services))
    for container in services.values():
        stack.push_async_callback(container.remove)
        await container.start()
        _say(f"{container.service}: ready {container.start_seconds:.1f} s after its first process began")
    _show_memory(services, "idle")
    return services


def _show_logs_of(services: Mapping[str, ServiceContainer]) -> Any:
    def show(kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        for container in services.values():
            if container.log.exists():
                lines = container.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
                sys.stderr.write("\n".join([f"\n-- {container.service}'s log ends with:", *lines, ""]))

    return show


async def _send_jobs(url: str, key: str) -> None:
    async with Customer(url, key) as customer, receiving() as receiver:
        await asyncio.gather(
            _send_one(customer, receiver, engine="local", language="en"),
            _send_one(customer, receiver, engine="scripted"),
            _send_one(customer, receiver, engine="scripted", solution="meeting_minutes", formats=REPORT),
        )
        receiver.verify_all((await customer.must("GET", "/v1/webhook-secret"))["secret"])
        _say("webhooks: every signature is right")


async def _ask(engine: Engine, image: str, url: str, key: str) -> None:
    """What an operator asks the gateway with its own image."""
    settings = {"AUDIO2TXT_URL": url, "AUDIO2TXT_API_KEY": key}
    said = await must(engine, image, "deliveries", "list", settings=settings)
    if "job.completed" not in said:
        raise TrialFailed(f"`deliveries list` should tell of the webhooks, but: {said.strip()[-500:]}")
    _say("deliveries: the image's command asks the gateway")


async def _send_one(customer: Customer, receiver: Receiver, *, engine: str, **order: Any) -> None:
    began = time.monotonic()
    job = await customer.must_submit(SAMPLE.read_bytes(), engine=engine, callback_url=receiver.url, **order)
    done = await customer.must_end(job["id"])
    failures = [failure for failure in (done["failure"], *(artifact["failure"] for artifact in done["artifacts"])) if failure]
    if done["state"] != "completed" or failures:
        raise TrialFailed(f"The job of the engine {engine} is {done['state']}, with failures: {json.dumps(failures)}.")
    for artifact in done["artifacts"]:
        begins = MAGIC.get(artifact["format"], b"")
        if not (await customer.artifact(done, artifact["name"])).startswith(begins):
            raise TrialFailed(f"{artifact['name']} is no file of its kind.")
    if missing := set(order.get("formats", ())) - {artifact["format"] for artifact in done["artifacts"]}:
        raise TrialFailed(f"The job of the engine {engine} lacks files: {', '.join(sorted(missing))}.")
    if engine == "local" and SAID not in (text := (await customer.artifact(done, "transcript.txt")).decode()).lower():
        raise TrialFailed(f"The transcript of the sample lacks {SAID!r}: {text[:500]!r}")
    (webhook,) = await receiver.wait_for_job(job["id"])
    names = ", ".join(artifact["name"] for artifact in done["artifacts"])
    _say(f"{engine}: {webhook['type']} after {time.monotonic() - began:.1f} s with {names}")


def _show_memory(services: Mapping[str, ServiceContainer], moment: str) -> None:
    held = Trees({service: container.pid for service, container in services.items()}).memory_mb()
    _say(f"memory {moment}: " + ", ".join(f"{service} {held.get(service, 0):.0f} MB" for service in services))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
