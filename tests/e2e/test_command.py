"""The `audio2txt` command as a person types it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aio_pika
import pytest

from shared.bus import EXCHANGE, PARKING
from tests.customer import SAMPLE, Customer
from tests.installation import Installation
from tests.recordings import silence


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str


async def audio2txt(*arguments: str | Path, cwd: Path, environment: Mapping[str, str] | None = None) -> Outcome:
    """Run the command in a folder of its own."""
    process = await _start(*arguments, cwd=cwd, environment=environment)
    out, err = await process.communicate()
    assert process.returncode is not None
    return Outcome(process.returncode, out.decode(), err.decode())


async def _start(*arguments: str | Path, cwd: Path, environment: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUDIO2TXT_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", *map(str, arguments), cwd=cwd,
        env={**inherited, "PYTHONPATH": str(Path(__file__).parents[2]), **(environment or {})},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def access(one: Installation) -> dict[str, str]:
    """Where the gateway is and how to get in."""
    return {"AUDIO2TXT_URL": one.url, "AUDIO2TXT_API_KEY": one.api_key}


async def test_a_recording_becomes_files_beside_each_other(tmp_path: Path, access: dict[str, str]) -> None:
    """`transcribe` stores the asked formats under the recording's name and says where."""
    done = await audio2txt(
        "transcribe", SAMPLE, "--language", "en", "--formats", "srt,pdf", "-o", "results", cwd=tmp_path, environment=access
    )
    assert done.status == 0, done.err
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert names == ["two_cities.pdf", "two_cities.srt"]
    assert "two_cities.srt" in done.out


async def test_a_vocabulary_comes_from_a_spreadsheet_and_its_words_are_in_the_files(
    tmp_path: Path, access: dict[str, str]
) -> None:
    """`vocabularies` imports, lists and exports a table; a job that names the set is written with its words. A table with a
    mistake is refused by row and column, and leaves no empty set behind."""
    (tmp_path / "dickens.csv").write_text(
        "kind,text,sounds_like,to,case\nterm,Dickens,,,\nreplace,worst of times,,finest of hours,\n", encoding="utf-8-sig"
    )
    (tmp_path / "wrong.csv").write_text("kind,text\nterm,a\nword,b\n", encoding="utf-8")
    for arguments, status, said in (
        (("import", "dickens.csv", "--name", "Dickens"), 0, "1 terms"),
        (("import", "wrong.csv", "--name", "Wrong"), 2, "Row 3, column kind: "),
        (("list",), 0, "Dickens, version 2"),
        (("export", "dickens"), 0, "replace,worst of times,,finest of hours,ignore"),
        (("export", "wrong"), 2, "There is no vocabulary 'wrong'"),
    ):
        done = await audio2txt("vocabularies", *arguments, cwd=tmp_path, environment=access)
        assert (done.status, said in done.out + done.err) == (status, True), done
    done = await audio2txt(
        *("transcribe", SAMPLE, "--language", "en", "--formats", "txt", "--vocabulary-set", "dickens"),
        cwd=tmp_path,
        environment=access,
    )
    assert done.status == 0, done.err
    text = " ".join((tmp_path / "two_cities.txt").read_text(encoding="utf-8").split())
    assert "it was the finest of hours" in text.lower()
    assert "worst of times" not in text


async def test_reports_of_one_recording_after_several_scenarios(tmp_path: Path, access: dict[str, str]) -> None:
    """`transcribe` tells the job, and `retry` makes another report of its transcript beside the first files."""
    made = await audio2txt(
        *("transcribe", SAMPLE, "--language", "en", "--solution", "quick_summary", "--formats", "md,srt"),
        cwd=tmp_path,
        environment=access,
    )
    assert made.status == 0, made.err
    assert sorted(path.name for path in tmp_path.glob("two*")) == ["two_cities.report.md", "two_cities.srt"]
    assert "*Concise minutes" in (tmp_path / "two_cities.report.md").read_text(encoding="utf-8")
    [job] = re.findall(r"two_cities\.\w+ is job ([0-9a-f-]{36})", made.out)
    again = await audio2txt(
        *("retry", job, "--solution", "lecture", "--report-language", "zh-Hant", "--input", "course=歷史", "-o", "again"),
        cwd=tmp_path,
        environment=access,
    )
    assert again.status == 0, again.err
    report = (tmp_path / "again" / "two_cities.report.md").read_text(encoding="utf-8")
    assert "## 核心概念" in report
    assert "歷史" in report
    refused = await audio2txt("retry", job, "--solution", "poetry", cwd=tmp_path, environment=access)
    assert (refused.status, refused.err.startswith("audio2txt: There is no solution 'poetry'")) == (2, True)


async def test_one_bad_recording_among_good_ones_is_named_and_fails_the_command(
    tmp_path: Path, access: dict[str, str], one: Installation
) -> None:
    """The good recording's results are there, the bad one has its reason, the exit status is 1. They are one batch, which can
    be found again."""
    quiet = tmp_path / "quiet.ogg"
    quiet.write_bytes(silence(3))
    done = await audio2txt(
        *("transcribe", SAMPLE, quiet, "--formats", "txt", "--title", "Tapes", "--tag", "both", "--metadata", "box=17"),
        cwd=tmp_path,
        environment=access,
    )
    assert done.status == 1
    [batch] = re.findall(r"2 recordings are batch ([0-9a-f-]{36})", done.err)
    async with Customer(one.url, one.api_key) as customer:
        assert (await customer.must("GET", f"/v1/batches/{batch}"))["states"] == {"completed": 1, "failed": 1}
        jobs = (await customer.must("GET", f"/v1/jobs?batch={batch}&tag=both&metadata=box:17"))["data"]
    assert {job["title"] for job in jobs} == {"two_cities", "quiet"}
    assert (tmp_path / "two_cities.txt").exists()
    assert "quiet.ogg" in done.err
    assert "speech" in done.err


async def test_a_wish_that_the_engine_cannot_grant_is_told_before_any_work(tmp_path: Path, access: dict[str, str]) -> None:
    """With the gateway's own sentence, which names what could be done."""
    done = await audio2txt(
        "transcribe", SAMPLE, "--engine", "scripted", "--analyses", "topics", cwd=tmp_path, environment=access
    )
    assert done.status == 1
    assert "The engine scripted does not find out topics" in done.err
    assert list(tmp_path.glob("*.txt")) == []


async def test_a_tenant_s_rules_bind_a_running_installation(tmp_path: Path, one: Installation) -> None:
    """The command reaches the database of the one process, and the gateway follows within seconds."""

    async def engines(*arguments: str) -> str:
        done = await audio2txt("engines", *arguments, cwd=tmp_path, environment=one.environment("all"))
        assert done.status == 0, done.err
        return done.out

    assert "local        in the house, default" in await engines()
    async with Customer(lambda: one.url, one.api_key) as customer:
        upload_id = await customer.must_upload(SAMPLE.read_bytes())
        assert "audio stays in the house" in await engines("rules", "default", "--rented", "no")
        try:
            await _until_offered(customer, scripted=False)
            refused = await customer.call("POST", "/v1/jobs", json={"upload_id": upload_id, "engine": "scripted"})
            assert refused.json()["code"] == "engine_forbidden"
        finally:
            await engines("rules", "default", "--rented", "yes")
            await _until_offered(customer, scripted=True)


async def _until_offered(customer: Customer, *, scripted: bool) -> None:
    async with asyncio.timeout(30):
        while scripted != ("scripted" in {engine["name"] for engine in (await customer.must("GET", "/v1/engines"))["data"]}):
            await asyncio.sleep(0.2)


async def test_after_an_interruption_the_same_command_goes_on(
    tmp_path: Path, access: dict[str, str], one: Installation
) -> None:
    """Ctrl-C while the server works; the second command finds the job instead of uploading again."""
    command = ("transcribe", SAMPLE, "--language", "en", "--formats", "txt")
    async with Customer(one.url, one.api_key) as customer:
        before = {job["id"] for job in (await customer.must("GET", "/v1/jobs"))["data"]}
        process = await _start(*command, cwd=tmp_path, environment=access)
        memory = tmp_path / ".audio2txt-resume.json"
        while not (memory.exists() and b"job_id" in memory.read_bytes()):
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert process.returncode == 130
        assert b"same command" in err

        done = await audio2txt(*command, cwd=tmp_path, environment=access)
        assert done.status == 0, done.err
        after = {job["id"] for job in (await customer.must("GET", "/v1/jobs"))["data"]}
    assert len(after - before) == 1
    assert (tmp_path / "two_cities.txt").exists()
    assert not memory.exists()


async def test_without_a_server_the_command_says_how_to_start_one(tmp_path: Path) -> None:
    """A connection that is refused is one sentence, not a traceback."""
    access = {"AUDIO2TXT_URL": "http://127.0.0.1:9", "AUDIO2TXT_API_KEY": "a2t_x"}
    done = await audio2txt("transcribe", SAMPLE, cwd=tmp_path, environment=access)
    assert done.status == 2
    assert "audio2txt run all" in done.err
    assert "Traceback" not in done.err


async def test_doctor_finds_a_running_installation(tmp_path: Path, one: Installation, access: dict[str, str]) -> None:
    """Everything is ok, the running gateway included, and attaching to its database disturbs nothing."""
    done = await audio2txt("doctor", cwd=tmp_path, environment={**access, "AUDIO2TXT_DATA_DIR": str(one.folder / "data")})
    assert done.status == 0, done.out + done.err
    assert "takes the key" in done.out
    assert "missing" not in done.out


async def test_dead_letters_are_listed_on_a_running_installation(tmp_path: Path, one: Installation) -> None:
    """An installation in order has none."""
    environment = {"AUDIO2TXT_DATA_DIR": str(one.folder / "data")}
    done = await audio2txt("dead-letters", "list", cwd=tmp_path, environment=environment)
    assert (done.status, done.out) == (0, "There are no dead letters.\n"), done.err


async def test_what_no_handler_can_take_is_listed_with_its_reason_and_can_be_replayed(
    tmp_path: Path, four: Installation
) -> None:
    """Over RabbitMQ, a broken message is parked; the command shows why, and sends it back to its queue."""
    async with await aio_pika.connect(four.settings["AUDIO2TXT_BUS_URL"]) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EXCHANGE)
        await exchange.publish(aio_pika.Message(b"{not json"), "job.cancelled")
        listed = await _list_until(tmp_path, four, "cannot be decoded")
        assert "transcriber.job.cancelled" in listed.out
        replayed = await audio2txt("dead-letters", "replay", cwd=tmp_path, environment=four.settings)
        assert replayed.out == "Sent 1 again.\n", replayed.err
        await _list_until(tmp_path, four, "cannot be decoded")
        await (await channel.get_queue(PARKING)).purge()


async def _list_until(folder: Path, installation: Installation, text: str) -> Outcome:
    async with asyncio.timeout(60):
        while True:
            listed = await audio2txt("dead-letters", "list", cwd=folder, environment=installation.settings)
            assert listed.status == 0, listed.err
            if text in listed.out:
                return listed


async def test_migrating_twice_is_migrating_once(tmp_path: Path, empty_database_url: str) -> None:
    """The second run has nothing to do."""
    environment = {"AUDIO2TXT_DATABASE_URL": empty_database_url}
    first = await audio2txt("migrate", cwd=tmp_path, environment=environment)
    assert first.status == 0, first.err
    assert "gateway: applied" in first.out
    second = await audio2txt("migrate", cwd=tmp_path, environment=environment)
    assert second.out == "The database is up to date.\n"


async def test_a_service_refuses_to_start_on_an_old_schema(tmp_path: Path, empty_database_url: str) -> None:
    """It names the command that mends it."""
    environment = {
        "AUDIO2TXT_DATABASE_URL": empty_database_url,
        "AUDIO2TXT_BUS_URL": "amqp://127.0.0.1:9/",
        "AUDIO2TXT_PORT": "0",
    }
    done = await audio2txt("run", "notifier", cwd=tmp_path, environment=environment)
    assert done.status == 2
    assert "audio2txt migrate" in done.err


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"AUDIO2TXT_PORT": "eighty"}, "AUDIO2TXT_PORT"),
        ({"AUDIO2TXT_BUS_URL": "kafka://x"}, "AUDIO2TXT_BUS_URL"),
        ({"AUDIO2TXT_SECRET_KEY": "short"}, "AUDIO2TXT_SECRET_KEY"),
        ({"AUDIO2TXT_BLOBS_URL": "ftp://x"}, "AUDIO2TXT_BLOBS_URL"),
        ({"AUDIO2TXT_SOLUTIONS": "gone.yaml"}, "AUDIO2TXT_SOLUTIONS"),
    ],
)
async def test_a_wrong_setting_is_refused_by_its_name(tmp_path: Path, environment: dict[str, str], named: str) -> None:
    """The process does not start, and says which variable is wrong."""
    done = await audio2txt("run", "all", cwd=tmp_path, environment={"AUDIO2TXT_PORT": "0", **environment})
    assert done.status == 2
    assert named in done.err
    assert "short" not in done.err


async def test_a_taken_port_is_one_sentence(tmp_path: Path, one: Installation) -> None:
    """A second installation on the same port names the port and what to set."""
    port = one.url.rsplit(":", 1)[1]
    done = await audio2txt("run", "all", cwd=tmp_path, environment={"AUDIO2TXT_PORT": port})
    assert done.status == 2
    assert f"Port {port}" in done.err
    assert "AUDIO2TXT_PORT" in done.err


async def test_the_first_start_shows_a_key_once_and_keeps_it_private(tmp_path: Path) -> None:
    """The first start prints the key and stores it for its owner's eyes; the second start prints nothing."""
    ready = tmp_path / "ready"
    environment = {"AUDIO2TXT_PORT": "0", "AUDIO2TXT_DATA_DIR": str(tmp_path / "data")}
    outputs = []
    for _ in range(2):
        ready.unlink(missing_ok=True)
        process = await _start("run", "all", "--ready-file", ready, cwd=tmp_path, environment=environment)
        while not ready.exists():
            assert process.returncode is None
            await asyncio.sleep(0.02)
        process.terminate()
        out, _ = await process.communicate()
        assert process.returncode == 0
        outputs.append(out.decode())
    key_file = tmp_path / "data" / "api-key"
    assert key_file.read_text().strip() in outputs[0]
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert "a2t_" not in outputs[1]


async def test_a_service_that_waits_for_the_broker_stops_when_told(tmp_path: Path, database_url: str) -> None:
    """SIGTERM ends a process in order while RabbitMQ is away."""
    environment = {
        "AUDIO2TXT_DATABASE_URL": database_url,
        "AUDIO2TXT_BUS_URL": "amqp://127.0.0.1:9/",
        "AUDIO2TXT_PORT": "0",
        "AUDIO2TXT_SECRET_KEY": "a secret of the tests, long enough for everyone",
        "AUDIO2TXT_LOG_FORMAT": "json",
    }
    assert (await audio2txt("migrate", cwd=tmp_path, environment=environment)).status == 0
    process = await _start("run", "notifier", cwd=tmp_path, environment=environment)
    assert process.stderr is not None
    async for line in process.stderr:
        if b"rabbit" in line.lower() or b"bus" in line.lower():
            break
    process.terminate()
    await process.communicate()
    assert process.returncode == 0
