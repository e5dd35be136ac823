"""Letters to users: what the notifier makes of an invitation and of a forgotten password."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
import pytest_asyncio

from shared.database import Pool
from shared.mail_links import LinkPurpose, subject_of_token
from shared.schemas.endpoints import EmailDestination, Endpoint, EndpointKind, EventType
from shared.schemas.events import UserMailRequested
from shared.schemas.ids import new_id
from shared.schemas.jobs import ReportLanguage
from shared.sealing import Sealer
from tests.integration.test_notifier_people import settings
from tests.mailing import mail_server
from tests.notifying import MASTER, NOW, RunningNotifier, notifier_pool, running_notifier


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


def letter(message: EventType, language: ReportLanguage, **changes: object) -> UserMailRequested:
    """The gateway wants somebody written to."""
    endpoint_id = new_id()
    destination = msgspec.json.encode(EmailDestination(address="chen@example.com")).decode()
    event = UserMailRequested(
        tenant_id=new_id(),
        endpoint=Endpoint(
            id=endpoint_id,
            kind=EndpointKind.EMAIL,
            sealed=Sealer(MASTER.encode(), purpose="endpoint").seal(destination, place=str(endpoint_id)),
            label="chen@example.com",
            events=(),
            language=language,
            attach=False,
            enabled_at=NOW,
        ),
        message=message,
        link_id=new_id(),
        organisation="Acme <b>& Söhne",
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )
    return msgspec.structs.replace(event, **changes)


async def _ended(notifier: RunningNotifier, count: int) -> list[tuple[str, str]]:
    async def ended() -> bool:
        return bool(
            await notifier.pool.fetchval("select count(*) = $1 from notifier.deliveries where state <> 'pending'", count)
        )

    await notifier.until(ended)
    rows = await notifier.pool.fetch("select type, status from notifier.delivery_log order by created_at, id")
    return [(row["type"], row["status"]) for row in rows]


async def test_a_user_gets_a_link_that_nobody_else_sees(pool: Pool) -> None:
    """Once per event, in their language, naming the organisation alone; neither log nor database has the link. An address for
    letters gets nothing else, and one whose link has expired gets nothing."""
    invitation = letter(EventType.USER_INVITATION, "zh-Hant")
    reset = letter(EventType.USER_PASSWORD_RESET, "en")
    late = letter(EventType.USER_PASSWORD_RESET, "en", expires_at=NOW)
    async with mail_server() as server, running_notifier(pool, settings(server)) as notifier:
        for event in (invitation, invitation, reset, late):
            await notifier.publish(event)
        told = await _ended(notifier, 3)
        logged = str(await pool.fetch("select request_headers, convert_from(request_body, 'utf8') from notifier.attempts"))
        kept = str(
            await pool.fetch("select convert_from(body, 'utf8'), configuration from notifier.bodies, notifier.endpoints")
        )
    assert told == [("user.invitation", "delivered"), ("user.password_reset", "delivered"), ("user.password_reset", "failed")]
    tokens = []
    mails = {str(mail["Subject"]): mail for mail in server.mails}
    for subject, purpose, link_id, says in (
        ("邀請您使用 Audio2txt", LinkPurpose.JOIN, invitation.link_id, ("單位：Acme <b>& Söhne", "連結七天內有效")),
        ("Your new password for Audio2txt", LinkPurpose.RESET, reset.link_id, ("Organisation: Acme <b>& Söhne", "for an hour")),
    ):
        mail = mails.pop(subject)
        assert mail["To"] == "chen@example.com"
        assert mail["List-Unsubscribe"] is None
        text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
        assert text is not None
        assert html is not None
        assert all(part in text.get_content() for part in says)
        assert "<b>" not in html.get_content()
        (token,) = re.findall(rf"{purpose.path}([\w-]{{43}})\b", text.get_content())
        found: UUID | None = subject_of_token(MASTER.encode(), purpose, token)
        assert found == link_id
        tokens.append(token)
    assert not mails
    assert not [token for token in tokens if token in logged + kept]
    assert "Acme" in logged
