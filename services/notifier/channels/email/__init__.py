"""E-mails over any mail server: one to each recipient, within limits; a mail server that is away uses up nobody's attempts."""

from __future__ import annotations

import datetime as dt
import time
from types import TracebackType
from typing import Self

import msgspec
import structlog

from services.notifier.channels import Answer, Message, Receiver, Trouble
from services.notifier.channels.email.attaching import Attaching
from services.notifier.channels.email.composing import Attachment, Composed, Composer, LinkMissing
from services.notifier.channels.email.limits import MailLimits
from services.notifier.channels.email.relay import Relay
from services.notifier.channels.email.replies import Pause, held, judge
from services.notifier.channels.notices import TO_USERS, notice_of
from shared import metrics
from shared.blobs import BlobUnavailable
from shared.database import is_outage
from shared.retry import backoff
from shared.schemas.endpoints import EventType, Withheld
from shared.schemas.webhooks import WebhookBody
from shared.solutions import Solutions

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0

log = structlog.get_logger(__name__)


class EmailChannel:
    """Sends e-mails. While something is wrong between us and the mail server, all of them wait."""

    def __init__(
        self, *, relay: Relay, composer: Composer, limits: MailLimits | None, attaching: Attaching | None, solutions: Solutions
    ) -> None:
        """Without `attaching`, e-mails carry links alone; without `limits` (one sent by hand) nothing is counted."""
        self._relay = relay
        self._composer = composer
        self._limits = limits
        self._attaching = attaching
        self._solutions = solutions
        self._paused_until = 0.0
        self._failures = 0
        self.pause: Pause | None = None
        """What is wrong between us and the mail server."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._relay.close()

    async def send(self, message: Message, receiver: Receiver) -> Answer:
        """One attempt."""
        if (refusal := unwanted(message, receiver)) is not None:
            return refusal
        if (seconds := self._paused_until - time.monotonic()) > 0:
            return held(seconds)
        try:
            attachments = await self._attachments(message, receiver)
            notice = notice_of(message, receiver.language, self._solutions)
            composed = self._composer.compose(message, receiver, notice, attachments)
        except BlobUnavailable:
            return held(FIRST_PAUSE_SECONDS, "files_unavailable")
        except LinkMissing:
            return Answer(trouble=Trouble(reason="public_url_missing", charged=False), stop=True)
        except ValueError:
            return Answer(trouble=Trouble(reason="address_invalid"), stop=True)
        answer = await self._send_limited(composed, confirmation=message.type == EventType.ENDPOINT_CONFIRMATION)
        return msgspec.structs.replace(answer, request_headers=composed.headers, request_body=composed.text.encode())

    async def check(self) -> Pause | None:
        """Connect to the mail server and log in; what is wrong with that."""
        try:
            await self._relay.check()
        except Exception as error:
            return judge(error).pause
        return None

    async def _attachments(self, message: Message, receiver: Receiver) -> list[Attachment]:
        if self._attaching is None or not receiver.attach or message.type != EventType.JOB_COMPLETED:
            return []
        job = msgspec.json.decode(message.body, type=WebhookBody).data
        return await self._attaching.attachments(job, receiver)

    async def _send_limited(self, composed: Composed, *, confirmation: bool) -> Answer:
        if self._limits is None:
            return await self._send(composed)
        recipient = composed.letter.recipient
        try:
            wait = await self._limits.take(recipient, confirmation=confirmation)
        except Exception as error:
            if not is_outage(error):
                raise
            return held(FIRST_PAUSE_SECONDS)
        if wait > 0:
            return held(wait, "mail_rate_limited")
        answer = await self._send(composed)
        if answer.trouble is not None and not answer.trouble.charged:
            await self._give_back(recipient, confirmation=confirmation)
        return answer

    async def _give_back(self, recipient: str, *, confirmation: bool) -> None:
        assert self._limits is not None
        try:
            await self._limits.give_back(recipient, confirmation=confirmation)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("mail.allowance_lost", error=type(error).__name__)  # it comes back with time

    async def _send(self, composed: Composed) -> Answer:
        try:
            said = await self._relay.send(composed.letter)
        except Exception as error:
            judgement = judge(error)
            if judgement.pause is None:
                self._resume()  # it speaks to us
                return judgement.answer
            return held(self._pause(judgement.pause))
        self._resume()
        return Answer(status=int(said[:3]), delivered=True, excerpt=said.encode("utf-8", "replace"))

    def _pause(self, pause: Pause) -> float:
        self._failures, self.pause = self._failures + 1, pause
        longer = backoff(self._failures, first=FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        seconds = longer if pause.seconds is None else pause.seconds
        self._paused_until = time.monotonic() + seconds
        metrics.MAIL_PAUSED.set(1)
        log.error("mail.paused", reason=pause.reason, said=pause.said, seconds=round(seconds, 1), failures=self._failures)
        return seconds

    def _resume(self) -> None:
        if self._failures:
            log.info("mail.resumed")
        self._failures, self._paused_until, self.pause = 0, 0.0, None
        metrics.MAIL_PAUSED.set(0)


def unwanted(message: Message, receiver: Receiver) -> Answer | None:
    """Why an e-mail must not be sent to its recipient. None are made that must not; this is for those that were under way when
    it was found out, or whose endpoint leads to another address by now."""
    if message.type in TO_USERS:
        expires_at = msgspec.json.decode(message.body, type=WebhookBody).data.finished_at
        expired = expires_at is not None and expires_at <= dt.datetime.now(dt.UTC)
        return Answer(trouble=Trouble(reason="link_expired", charged=False), stop=True) if expired else None
    reason: str | None = None
    asks = message.type == EventType.ENDPOINT_CONFIRMATION
    match receiver.withheld:
        case Withheld.UNCONFIRMED:
            reason = None if asks else "address_unconfirmed"
        case Withheld.SUPPRESSED:
            reason = "address_suppressed"
        case None:
            reason = "address_confirmed" if asks else None
    return None if reason is None else Answer(trouble=Trouble(reason=reason, charged=False), stop=True)
