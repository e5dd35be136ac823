"""Struct types that are ready can be used by threads from the first moment."""

from __future__ import annotations

import subprocess
import sys

FIRST_USE = """
import sys, threading
from msgspec import defstruct, json
from shared.structs import ready_structs

THREADS, TYPES, FIELDS = 8, 60, 20
sys.setswitchinterval(1e-6)


def nested(number, inside):
    fields = [(f"field_{at}", list[inside], ()) for at in range(FIELDS)]
    return defstruct(f"Struct{number}", fields)


def decode(kind, barrier):
    barrier.wait()
    json.decode(b'{"field_0": [{"field_19": [{}]}]}', type=kind)


kinds = [nested(number, nested(number, nested(number, int))) for number in range(TYPES)]
if "ready" in sys.argv:
    ready_structs()
for kind in kinds:
    barrier = threading.Barrier(THREADS)
    threads = [threading.Thread(target=decode, args=(kind, barrier)) for _ in range(THREADS)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


def test_threads_may_be_the_first_to_decode() -> None:
    """Without it, this ends with a segmentation fault most of the time."""
    subprocess.run([sys.executable, "-c", FIRST_USE, "ready"], check=True, timeout=60)
