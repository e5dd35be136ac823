"""Bodies and forms as they arrive, in whatever pieces."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from hashlib import sha256

import pytest

from services.gateway.body import Body, Disconnected
from services.gateway.form import LARGEST_FIELD, Form, values_of
from services.gateway.problems import Problem
from services.gateway.uploads import parse_digest
from shared.health import Receive

FORM_TYPE = "multipart/form-data; boundary=XX"


def _receive(*messages: dict[str, object]) -> Receive:
    queue = list(messages)

    async def receive() -> dict[str, object]:
        if not queue:
            await asyncio.Event().wait()
        return queue.pop(0)

    return receive


def _pieces(*chunks: bytes) -> list[dict[str, object]]:
    last = len(chunks) - 1
    return [{"type": "http.request", "body": chunk, "more_body": place < last} for place, chunk in enumerate(chunks)]


def _body(*messages: dict[str, object], limit: int = 100, stall: float = 5, **headers: str) -> Body:
    return Body(
        _receive(*messages), {name.replace("_", "-"): value for name, value in headers.items()}, limit=limit, stall=stall
    )


async def test_a_body_arrives_in_pieces() -> None:
    """All bytes, in order, and empty pieces left out."""
    assert [chunk async for chunk in _body(*_pieces(b"ab", b"", b"c")).chunks()] == [b"ab", b"c"]
    assert await _body(*_pieces(b"ab", b"", b"c")).read() == b"abc"


async def test_a_body_that_grows_beyond_the_limit_is_refused() -> None:
    """Also without Content-Length."""
    with pytest.raises(Problem) as caught:
        await _body(*_pieces(b"x" * 60, b"x" * 60, b"x" * 60)).read()
    assert caught.value.status == 413
    with pytest.raises(Problem):
        [chunk async for chunk in _body(*_pieces(b"x" * 60, b"x" * 60)).chunks()]


def test_an_announced_length_is_enough_to_refuse() -> None:
    """Nothing is received of what is too large."""
    with pytest.raises(Problem) as caught:
        _body(content_length="101")
    assert caught.value.status == 413


def test_an_encoded_body_is_refused() -> None:
    """Nothing is unpacked here."""
    with pytest.raises(Problem) as caught:
        _body(content_encoding="gzip")
    assert caught.value.status == 415
    _body(content_encoding="identity")


async def test_a_client_that_goes_away_is_no_error_of_ours() -> None:
    """It counts as 499."""
    with pytest.raises(Disconnected) as caught:
        await _body({"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"}).read()
    assert caught.value.status == 499


async def test_a_body_that_stands_still_is_given_up() -> None:
    """A client that stops sending does not hold its place for ever."""
    with pytest.raises(Problem) as caught:
        await _body({"type": "http.request", "body": b"a", "more_body": True}, stall=0.01).read()
    assert caught.value.status == 408


def _part(name: str, content: bytes, *, file_name: str | None = None) -> bytes:
    file = f'; filename="{file_name}"' if file_name else ""
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"


async def _stream(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def _read(parts: Iterable[bytes], *, size: int = 7) -> tuple[Form, bytes]:
    form = Form(FORM_TYPE, _stream(b"".join(parts) + b"--XX--\r\n", size))
    return form, b"".join([chunk async for chunk in form.file()])


@pytest.mark.parametrize("size", [1, 3, 64, 4096])
async def test_fields_may_come_before_and_after_the_file(size: int) -> None:
    """However the form is cut into pieces, the file is whole and every field is there."""
    parts = [_part("language", b"en"), _part("file", b"RIFF\r\n--X" * 50, file_name="a.wav"), _part("title", "週會".encode())]
    form, data = await _read(parts, size=size)
    assert data == b"RIFF\r\n--X" * 50
    assert dict(form.fields) == {"language": ["en"], "title": ["週會"]}
    assert form.file_name == "a.wav"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([_part("language", b"en")], 422),
        ([_part("file", b"a", file_name="a"), _part("file", b"b", file_name="b")], 422),
        ([_part("title", b"x" * (LARGEST_FIELD + 1)), _part("file", b"a")], 413),
        ([_part("title", b"\xff\xfe"), _part("file", b"a")], 422),
        ([b"nonsense"], 400),
    ],
    ids=["no file", "two files", "a huge field", "not UTF-8", "no form"],
)
async def test_a_form_that_makes_no_sense_is_one_problem(parts: list[bytes], status: int) -> None:
    """What is wrong with a form is told, and reading stops there."""
    with pytest.raises(Problem) as caught:
        await _read(parts, size=1000)
    assert caught.value.status == status


async def test_a_form_that_breaks_off_is_refused() -> None:
    """Half a form is no form."""
    form = Form(FORM_TYPE, _stream(_part("file", b"RIFF", file_name="a"), 10))
    with pytest.raises(Problem) as caught:
        [chunk async for chunk in form.file()]
    assert caught.value.status == 400


def test_a_form_without_a_boundary_is_refused() -> None:
    """A content type that cannot be parsed is told."""
    with pytest.raises(Problem) as caught:
        Form("multipart/form-data", _stream(b"", 1))
    assert caught.value.status == 400


def test_a_digest_is_read_from_its_header() -> None:
    """SHA-256 alone or beside others; others alone are not checked."""
    digest = sha256(b"x").digest()
    member = f"sha-256=:{b64encode(digest).decode()}:"
    assert parse_digest(member) == digest
    assert parse_digest(f"sha-512=:AAAA:, {member}") == digest
    assert parse_digest("md5=:AAAA:") is None
    assert parse_digest(None) is None


@pytest.mark.parametrize("header", ["sha-256=:AAAA:", "sha-256=:A:"])
def test_a_digest_of_the_wrong_length_is_refused(header: str) -> None:
    """A check that cannot be made is not left out silently."""
    with pytest.raises(Problem) as caught:
        parse_digest(header)
    assert caught.value.status == 400


def test_lists_of_words_are_repeated_separated_or_json() -> None:
    """However a client writes them; a tag that only looks like the beginning of a list is a tag."""
    wanted = {"tags": ["board", "2026"]}
    for texts in (["board", "2026"], ["board, 2026"], ['["board", "2026"]']):
        assert values_of({"tags": texts}) == wanted
    assert values_of({"tags": ["[draft]"]}) == {"tags": ["[draft]"]}
