"""What follows from what the mail server says: sent, later, never, or something the operator must see to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from services.notifier.channels import Answer, Trouble
from services.notifier.channels.email.relay import CLOSING, InternationalAddressRefused, RelayBusy
from shared.schemas.endpoints import DisabledReason

if TYPE_CHECKING:
    from aiosmtplib import SMTPResponseException

LOGIN_CODES = frozenset({530, 534, 535, 538})
TOO_LARGE = 552
BUSY_SECONDS = 10.0
LONG_PAUSE_SECONDS = 300.0
EXCERPT = 1000

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")
_NO_SUCH_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.10"})


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """No e-mail is sent for a while: something is wrong between us and the mail server."""

    reason: str
    said: str
    seconds: float | None = None
    """Null: longer each time."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, and whether all e-mails have to wait."""

    answer: Answer
    pause: Pause | None = None


def judge(error: Exception) -> Judgement:
    """What an error means; raises it again when it is none of sending."""
    from aiosmtplib import SMTPException, SMTPResponseException

    match error:
        case InternationalAddressRefused():
            return _never("address_not_supported", None, "")
        case RelayBusy():
            return Judgement(answer=held(BUSY_SECONDS, "mail_busy"))
        case SMTPResponseException():
            return _judge_response(error)
        case SMTPException() | OSError():
            return _ours(Pause(reason="unreachable", said=f"{type(error).__name__}: {error}"))
        case _:
            raise error


def _judge_response(error: SMTPResponseException) -> Judgement:
    if (pause := _pause_for(error)) is not None:
        return _ours(pause)
    if error.code >= 500:
        return _never(f"smtp_{error.code}", error.code, error.message)
    return Judgement(answer=_answer(f"smtp_{error.code}", error.code, error.message))


def _pause_for(error: SMTPResponseException) -> Pause | None:
    """Whether it is about us rather than about one e-mail."""
    from aiosmtplib import SMTPAuthenticationError, SMTPDataError, SMTPRecipientRefused, SMTPSenderRefused

    said = f"{error.code} {error.message}"
    if error.code == CLOSING:
        return Pause(reason="closing", said=said)
    if error.code in LOGIN_CODES or isinstance(error, SMTPAuthenticationError):
        return Pause(reason="login_refused", said=said, seconds=LONG_PAUSE_SECONDS)
    if isinstance(error, SMTPSenderRefused) and error.code >= 500 and error.code != TOO_LARGE:
        return Pause(reason="sender_refused", said=said, seconds=LONG_PAUSE_SECONDS)
    if not isinstance(error, SMTPSenderRefused | SMTPRecipientRefused | SMTPDataError):
        return Pause(reason="unreachable", said=said)
    return None


def held(seconds: float, reason: str = "mail_unavailable") -> Answer:
    """Nothing was tried, and the receiver has nothing to do with it."""
    return Answer(trouble=Trouble(reason=reason, charged=False), retry_after=seconds)


def _never(reason: str, code: int | None, said: str) -> Judgement:
    enhanced = _ENHANCED.match(said)
    gone = enhanced is not None and enhanced[0] in _NO_SUCH_ADDRESS
    answer = _answer(reason, code, said, stop=True, disable=DisabledReason.SUPPRESSED if gone else None)
    return Judgement(answer=answer)


def _ours(pause: Pause) -> Judgement:
    return Judgement(answer=held(0.0), pause=pause)


def _answer(
    reason: str,
    code: int | None,
    said: str,
    *,
    stop: bool = False,
    disable: DisabledReason | None = None,
) -> Answer:
    return Answer(
        status=code,
        trouble=Trouble(reason=reason),
        excerpt=said.encode("utf-8", "replace")[:EXCERPT],
        stop=stop,
        disable=disable,
    )
