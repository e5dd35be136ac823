"""Encodes pieces of a decoded recording: `python -m services.transcriber.engines.openai.encoding PCM`.

FLAC loses nothing, and is never larger than the samples, save for a fraction of a per cent. Reads one `Encode` a line
and answers each with an empty line when the file is there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import av
import msgspec

from services.transcriber.children import claim_stdout, die_with_parent
from services.transcriber.decoding import BYTES_PER_MS, SAMPLE_RATE
from services.transcriber.engines.openai.messages import Encode

_FRAME_BYTES = 4096 * 2


def main(arguments: list[str]) -> None:
    """Encode until standard input ends."""
    die_with_parent()
    messages = claim_stdout()
    for line in sys.stdin.buffer:
        encode(Path(arguments[0]), msgspec.json.decode(line, type=Encode))
        os.write(messages, b"\n")


def encode(pcm: Path, request: Encode) -> None:
    """Write one file, in constant memory."""
    left = (request.end_ms - request.start_ms) * BYTES_PER_MS
    with pcm.open("rb") as file, av.open(request.path, "w", format="flac") as out:
        stream = out.add_stream("flac", rate=SAMPLE_RATE, layout="mono", format="s16")
        file.seek(request.start_ms * BYTES_PER_MS)
        while left > 0 and (data := file.read(min(left, _FRAME_BYTES))):
            left -= len(data)
            frame = av.AudioFrame(format="s16", layout="mono", samples=len(data) // 2)
            frame.planes[0].update(data)
            frame.sample_rate = SAMPLE_RATE
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


if __name__ == "__main__":
    main(sys.argv[1:])
