"""`python -m tests.hasty_notifier …` is the `audio2txt` command with a notifier that does not wait long for the dead.

Leases are as short as the attempts of tests, in the same proportions, and breakers soon let one try again.
"""

from __future__ import annotations

import sys

from services.notifier import app, dispatcher, pacing, partitions


def hurry(lease: float = 2.0) -> None:
    """Shorten the waits of this process's notifier; `lease` is for how many seconds it owns what it does not renew."""
    partitions.LEASE_SECONDS, partitions.RENEW_SECONDS, partitions.HUNGRY_SECONDS = lease, 0.5, 0.2
    dispatcher.START_SECONDS = 0.5
    app.CHANNEL_MARGIN_SECONDS, app.LEASE_MARGIN_SECONDS = 0.5, 3.0
    pacing.FIRST_OPENING = 0.5


if __name__ == "__main__":
    from services.__main__ import main

    hurry()
    sys.exit(main())
