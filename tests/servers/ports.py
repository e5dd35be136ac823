"""Free ports for the servers that tests start."""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 10_000, 22_767
"""Below the ephemeral range even after SeaweedFS has added 10000 for its second listener."""


def free_port() -> int:
    """A loopback port nobody listens on now."""
    for port in random.sample(range(LOWEST, HIGHEST + 1), 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"No free port between {LOWEST} and {HIGHEST}.")
