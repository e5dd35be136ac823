"""AssemblyAI's refusals and failures in our terms: which of them a retry mends, and what the customer is told."""

from __future__ import annotations

import re

from services.transcriber.engines import KeyRefused, Throttled
from services.transcriber.engines.http import Answer, wait_of, words_of
from shared.errors import JobError, RetryableError

_URL = re.compile(r"https?://\S+")
_UNAVAILABLE = re.compile(r"models are not available in this language: (?P<features>[\w, ]+)")
_NOT_FOUND = re.compile(r"not found", re.IGNORECASE)
_LONGEST_REASON = 200

_FAILURES = (
    (
        r"does not appear to contain audio|no audio stream",
        "not_audio",
        "AssemblyAI finds no audio in the file; upload another one.",
    ),
    (r"duration is too short", "audio_too_short", "The recording is too short for AssemblyAI, which needs at least 160 ms."),
    (
        r"too long|(exceeds|maximum) .{0,40}duration",
        "audio_too_long",
        "The recording is longer than AssemblyAI takes (10 h); cut it into parts and upload those.",
    ),
    (
        r"too large|(exceeds|maximum) .{0,40}size",
        "file_too_large",
        "The file is larger than AssemblyAI takes (5 GB); upload it in a format that compresses sound.",
    ),
    (
        r"speech threshold|no spoken audio|no speech",
        "no_speech",
        "AssemblyAI hears no speech in the recording; check that it is the right one and not silent.",
    ),
    (
        r"language.{0,60}(confidence|threshold)",
        "language_not_detected",
        "AssemblyAI is not sure which language is spoken; name the language and try again.",
    ),
    (
        r"language.{0,80}(not supported|unsupported|not available|invalid)",
        "language_not_supported",
        "AssemblyAI does not understand the language of the recording; choose another engine.",
    ),
)
"""What it says of a recording that no retry mends: a pattern, our code, our sentence."""


def refusal(answer: Answer) -> JobError | RetryableError:
    """What an answer that is not `ok` means, to be raised: nothing was taken. Statuses from 500 on are outages."""
    match answer.status:
        case 401 | 402:
            return _key_refused("its API key is not valid")
        case 403:
            return _forbidden(answer)
        case 429:
            return Throttled("AssemblyAI asks for patience: it answered 429.", seconds=wait_of(answer))
        case 413:
            return JobError("file_too_large", "The file is larger than AssemblyAI takes; upload it in a smaller format.")
        case 400 | 422:
            return _bad_request(_reason(words_of(answer.body)))
        case status:
            return RetryableError(f"AssemblyAI answered {status}.")


def outage(answer: Answer) -> RetryableError:
    """What an answer that is not `ok` means for a question that can be asked again."""
    error = refusal(answer)
    return error if isinstance(error, RetryableError) else RetryableError(f"AssemblyAI answered {answer.status}.")


def failure(message: str) -> JobError:
    """Why AssemblyAI gave a recording up, from its own words."""
    if message.startswith("Download error"):
        return JobError(
            "engine_failed",
            "AssemblyAI could not fetch the recording; try again, and tell the operator if that does not help.",
            retryable=True,
        )
    if (known := _known(message)) is not None:
        return known
    said = _reason(message)
    return JobError("engine_failed", f"AssemblyAI failed{said and ': '}{said}; try again.", retryable=True)


def lost() -> JobError:
    """AssemblyAI does not know a task that it had taken."""
    return JobError("engine_lost_task", "AssemblyAI does not know the transcription any more; try again.", retryable=True)


def is_unknown(answer: Answer) -> bool:
    """Whether there is no such transcript: its documentation is not of one mind about the status."""
    return answer.status == 404 or (answer.status == 400 and bool(_NOT_FOUND.search(words_of(answer.body))))


def _bad_request(reason: str) -> JobError | RetryableError:
    if "balance" in reason.lower():
        return _key_refused("its balance is used up")
    if found := _UNAVAILABLE.search(reason):
        return JobError(
            "feature_not_supported",
            f"In the language of the recording, AssemblyAI cannot do this: {found['features']}; leave it out, or choose "
            "another engine.",
        )
    return _known(reason) or JobError(
        "engine_refused",
        f"AssemblyAI does not accept the request{reason and ': '}{reason}; change it, or choose another engine.",
    )


def _forbidden(answer: Answer) -> JobError | KeyRefused:
    if "uploaded file" in words_of(answer.body):
        return JobError(
            "engine_lost_task", "AssemblyAI does not hold the uploaded recording any more; try again.", retryable=True
        )
    return _key_refused("its API key may not do this")


def _key_refused(reason: str) -> KeyRefused:
    return KeyRefused(f"AssemblyAI refuses the account: {reason}.")


def _known(message: str) -> JobError | None:
    fit = (JobError(code, ours) for pattern, code, ours in _FAILURES if re.search(pattern, message, re.IGNORECASE))
    return next(fit, None)


def _reason(message: str) -> str:
    """Its words in one short line without addresses, which may carry signatures."""
    text = " ".join(_URL.sub("…", message).split())
    return (text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…").rstrip(".")
