"""The one door through which requests leave for addresses that customers name.

A URL is checked twice: as text at the border (`check_url`), and as the very address that is about to be connected
to (`guarded_session`), so that neither a DNS answer that changes nor a redirect leads inside the network. Private
addresses are reachable only where `AUDIO2TXT_EGRESS_ALLOW_CIDRS` lists them.
"""

from __future__ import annotations

from shared.egress.chats import check_chat_url
from shared.egress.headers import HeaderRefused, check_headers
from shared.egress.policy import EgressPolicy, EgressRefused, EgressSettings
from shared.egress.session import EgressTrouble, guarded_session, trouble_of
from shared.egress.urls import check_url

__all__ = [
    "EgressPolicy",
    "EgressRefused",
    "EgressSettings",
    "EgressTrouble",
    "HeaderRefused",
    "check_chat_url",
    "check_headers",
    "check_url",
    "guarded_session",
    "trouble_of",
]
