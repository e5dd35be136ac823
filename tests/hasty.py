"""`python -m tests.hasty …` is the `audio2txt` command with shorter waits: a test of many crashes is over in minutes.

It waits for the same things in the same proportions: an unclear submission is searched for until its time-out, the longest
lag of the provider's list and a margin have passed; whoever may still ask a provider about a task keeps it until the answer
must have come; who tries whether an account is well again may have died. Rests are shorter, too.
"""

from __future__ import annotations

import datetime as dt
import sys

from services.__main__ import main
from services.transcriber import leases, leftovers, pacing
from services.transcriber.engines.assemblyai import engine
from services.transcriber.engines.assemblyai.wire import Timeout

SUBMIT_SECONDS = 5.0
LIST_LAG_SECONDS = 5.0
MARGIN_SECONDS = 5.0
CALLED_BACK_SECONDS = 5.0
POLL_LEASE_SECONDS = 15.0
PROBE_SECONDS = 8.0
LONGEST_PAUSE_SECONDS = 8.0
FIRST_RETRY_SECONDS = 5

if __name__ == "__main__":
    defaults = engine.AssemblyAIEngine.__init__.__kwdefaults__
    assert defaults is not None
    defaults["submit_timeout"] = Timeout(silence=SUBMIT_SECONDS, total=SUBMIT_SECONDS)
    defaults["unclear"] = dt.timedelta(seconds=SUBMIT_SECONDS + LIST_LAG_SECONDS + MARGIN_SECONDS)
    engine.CALLED_BACK_SECONDS = CALLED_BACK_SECONDS
    leases.POLL_LEASE_SECONDS = POLL_LEASE_SECONDS
    leases.PROBE_SECONDS = PROBE_SECONDS
    pacing.LONGEST_PAUSE_SECONDS = LONGEST_PAUSE_SECONDS
    leftovers.FIRST_RETRY_SECONDS = FIRST_RETRY_SECONDS
    sys.exit(main())
