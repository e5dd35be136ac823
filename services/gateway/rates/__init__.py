"""How many requests may be made in a time: kept exactly over all processes of the gateway, at next to no cost for each."""

from __future__ import annotations
