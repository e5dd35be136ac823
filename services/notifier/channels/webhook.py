"""Webhooks after Standard Webhooks: signed with every secret that counts, at the time of the attempt."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from services.notifier.channels import Answer, Message, Receiver, Trouble
from services.notifier.channels.posting import MASK, Poster, masked
from shared.egress import EgressRefused, check_headers
from shared.schemas.endpoints import DisabledReason, Signature, WebhookDestination
from shared.signing import sign, sign_v1a

GONE = 410


class WebhookChannel:
    """Sends webhooks."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    async def send(self, message: Message, receiver: Receiver) -> Answer:
        """One attempt."""
        destination = receiver.destination
        assert isinstance(destination, WebhookDestination)
        headers = _own_headers(message, receiver)
        shown = {**dict.fromkeys(destination.headers, MASK), **headers}
        try:
            check_headers(destination.headers)
        except EgressRefused as refused:
            return Answer(
                trouble=Trouble(reason=refused.failure.code), stop=True, request_headers=shown, request_body=message.body
            )
        answer = await self._poster.post(destination.url, headers={**destination.headers, **headers}, body=message.body)
        answer = masked(answer, destination.headers.values())
        return _obeyed(msgspec.structs.replace(answer, request_headers=shown, request_body=message.body))


def _own_headers(message: Message, receiver: Receiver) -> dict[str, str]:
    timestamp = int(time.time())
    return {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signatures(message, receiver, timestamp)),
    }


def _signatures(message: Message, receiver: Receiver, timestamp: int) -> list[str]:
    """The schemes in the order of the endpoint's choice; each with every key that counts."""
    parts = []
    for scheme in receiver.signatures:
        match scheme:
            case Signature.V1:
                parts.append(sign(*receiver.secrets, message_id=message.id, timestamp=timestamp, body=message.body))
            case Signature.V1A:
                keys = receiver.private_keys
                parts.append(sign_v1a(*keys, message_id=message.id, timestamp=timestamp, body=message.body))
    if not all(parts) or not parts:
        raise ValueError("there is nothing to sign with")
    return parts


def _obeyed(answer: Answer) -> Answer:
    """With what the receiver asks for: 410 and `webhook-delivery: disable` end everything, `abort-message` this message."""
    asked = _wishes(answer.response_headers)
    if answer.status == GONE or "disable" in asked:
        return msgspec.structs.replace(answer, stop=True, disable=DisabledReason.GONE)
    return msgspec.structs.replace(answer, stop=True) if "abort-message" in asked else answer


def _wishes(headers: Mapping[str, str]) -> set[str]:
    return {wish.strip().lower() for wish in headers.get("webhook-delivery", "").split(",")}
