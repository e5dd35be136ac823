"""The moves of jobs: guarded updates, each with its event in the same statement.

No row back means that somebody else was there first or that the news is old; the caller leaves it at that.
"""

from __future__ import annotations

from services.gateway.store.transitions.edits import Edits
from services.gateway.store.transitions.ends import Ends
from services.gateway.store.transitions.erasures import JobErasures
from services.gateway.store.transitions.progress import Progress


class Transitions(Progress, Ends, Edits, JobErasures):
    """Every way in which a row of `gateway.jobs` changes."""
