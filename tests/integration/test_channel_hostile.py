"""Receivers that try to hold on to a sender, or to fill its memory: each costs little time and little space."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.notifier.channels import Answer, Contact, Trouble
from services.notifier.channels import posting as module
from services.notifier.channels.posting import EXCERPT_BYTES, Poster
from services.notifier.channels.webhook import WebhookChannel
from shared.egress import EgressPolicy, EgressSettings
from tests.channels import message, webhook_to
from tests.receivers import Behaviour, drop, endless, raw, receiver, silence, status

LOOPBACK = EgressPolicy.of(EgressSettings(egress_allow_cidrs="127.0.0.0/8"))
TIMED_OUT = Trouble(reason="timed_out")
BOMB_BYTES = 16 * 1024 * 1024


async def deliver(*behaviours: Behaviour, timeout: float = 5.0) -> Answer:
    """One webhook."""
    async with receiver(*behaviours) as customer, Poster(policy=LOOPBACK, timeout=timeout) as poster:
        return await WebhookChannel(poster).send(message(), webhook_to(customer.url))


def dripping(head: bytes, drop: bytes) -> Behaviour:
    """Sends a head, and then a drop every few milliseconds for ever."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.005)

    return behave


@pytest.mark.parametrize(
    ("behaviour", "contact"),
    [
        (status(204), Contact.REACHED),
        (status(500), Contact.REACHED),
        (drop(), Contact.REACHED),
        (raw(b"no HTTP at all\r\n\r\n"), Contact.REACHED),
        (silence(), Contact.REACHED),
    ],
)
async def test_whoever_takes_a_connection_is_reached(behaviour: Behaviour, contact: Contact) -> None:
    """Whatever comes of it then: other paths on the same host may fare better."""
    assert (await deliver(behaviour, timeout=0.5)).contact is contact


@pytest.mark.parametrize(
    ("url", "contact"),
    [
        ("http://127.0.0.1:9999/", Contact.UNREACHED),
        ("https://name.invalid/", Contact.UNREACHED),
        ("http://10.0.0.1/", Contact.UNKNOWN),
        ("nonsense", Contact.UNKNOWN),
    ],
)
async def test_whoever_takes_none_is_not_reached(url: str, contact: Contact) -> None:
    """Nobody listens, or nobody has the name. What we refuse to try says nothing about the host."""
    async with Poster(policy=LOOPBACK, timeout=5) as poster:
        assert (await WebhookChannel(poster).send(message(), webhook_to(url))).contact is contact


async def test_a_connection_that_is_never_made_is_not_reached() -> None:
    """A listener whose queue is full answers no handshake, as a firewall that drops packets does."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        with socket.create_connection(address), socket.socket() as waiting:
            waiting.setblocking(False)
            waiting.connect_ex(address)
            async with Poster(policy=LOOPBACK, timeout=0.5) as poster:
                answer = await WebhookChannel(poster).send(message(), webhook_to(f"http://127.0.0.1:{address[1]}/"))
    assert (answer.trouble, answer.contact) == (TIMED_OUT, Contact.UNREACHED)


async def test_a_kept_connection_that_broke_had_reached_somebody() -> None:
    """A connection that is used again is one that was made."""
    async with receiver(status(200), drop()) as customer, Poster(policy=LOOPBACK, timeout=5) as poster:
        webhooks = WebhookChannel(poster)
        assert [(await webhooks.send(message(), webhook_to(customer.url))).contact for _ in range(2)] == [Contact.REACHED] * 2


async def test_a_body_without_end() -> None:
    """The status counts; of the body the beginning is kept."""
    answer = await deliver(endless(b"x" * 65536))
    assert (answer.status, answer.delivered, answer.excerpt) == (200, True, b"x" * EXCERPT_BYTES)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
async def test_a_compressed_bomb(encoding: str) -> None:
    """It stays as it was sent, whatever it says it is."""
    bomb = gzip.compress(b"\0" * BOMB_BYTES) if encoding.startswith("gzip") else zlib.compress(b"\0" * BOMB_BYTES)
    tracemalloc.start()
    try:
        answer = await deliver(status(200, bomb, Content_Encoding=encoding))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.delivered
    assert answer.excerpt == bomb[:EXCERPT_BYTES]
    assert most < BOMB_BYTES / 4


async def test_a_body_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it: the status has been said."""
    monkeypatch.setattr(module, "READ_SECONDS", 0.1)
    answer = await deliver(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"), timeout=20)
    assert (answer.status, answer.delivered) == (200, True)
    assert 0 < len(answer.excerpt) < 1000


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-A: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
)
async def test_a_head_that_never_ends(head: bytes, drop: bytes) -> None:
    """Ends with the attempt's time, or as no HTTP."""
    answer = await deliver(dripping(head, drop), timeout=0.3)
    assert not answer.delivered
    assert answer.trouble in (TIMED_OUT, Trouble(reason="answer_invalid"))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %s\r\n" % (number, b"y" * 4000) for number in range(2000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx-a: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 " + b"y" * 1_000_000 + b"\r\n\r\n",
    ],
)
async def test_a_flood_of_headers(answer: bytes) -> None:
    """Is no answer."""
    assert (await deliver(raw(answer))).trouble == Trouble(reason="answer_invalid")


@pytest.mark.parametrize(
    "answer",
    [
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nnonsense",
        b"HTTP/1.1 200 OK\r\nx\0y: z\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.example ESMTP\r\n",
    ],
)
async def test_what_is_no_http(answer: bytes) -> None:
    """Is never taken for a success."""
    got = await deliver(raw(answer))
    assert not got.delivered
    assert got.trouble in (Trouble(reason="answer_invalid"), Trouble(reason="connection_lost"))


async def test_an_answer_too_many_is_no_ones() -> None:
    """A second answer behind the first does not become the answer to the next request."""
    two = b"HTTP/1.1 204 No\r\n\r\nHTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    async with (
        receiver(raw(two, then_close=False), status(204)) as customer,
        Poster(policy=LOOPBACK, timeout=5) as poster,
    ):
        first = await WebhookChannel(poster).send(message(), webhook_to(customer.url))
        second = await WebhookChannel(poster).send(message(), webhook_to(customer.url))
    assert (first.status, second.status) == (204, 204)
    assert second.disable is None


@asynccontextmanager
async def silent_server(greeting: bytes = b"") -> AsyncIterator[int]:
    """Accepts connections, says as much, and nothing else."""
    tasks: set[asyncio.Task[None]] = set()

    async def hold(writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(greeting)
            await asyncio.Event().wait()
        finally:
            writer.close()

    def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(hold(writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("greeting", [b"", b"\x16\x03\x03\x10\x00"])
async def test_a_slow_handshake(greeting: bytes) -> None:
    """TLS that never comes about ends with the attempt's time."""
    async with silent_server(greeting) as port, Poster(policy=LOOPBACK, timeout=0.3) as poster:
        answer = await WebhookChannel(poster).send(message(), webhook_to(f"https://127.0.0.1:{port}/"))
    assert answer.trouble == TIMED_OUT


async def test_many_silent_receivers_cost_no_more_than_one() -> None:
    """Two hundred at once end together; none waits for another."""
    async with silent_server() as port, Poster(policy=LOOPBACK, timeout=1.0) as poster:
        channel, began = WebhookChannel(poster), time.monotonic()
        sends = (channel.send(message(), webhook_to(f"http://127.0.0.1:{port}/{number}")) for number in range(200))
        answers = await asyncio.gather(*sends)
        seconds = time.monotonic() - began
    assert {answer.trouble for answer in answers} == {TIMED_OUT}
    assert seconds < 60  # one after the other: 200
