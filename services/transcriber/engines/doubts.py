"""When a model that works like Whisper doubts its own words, or should."""

from __future__ import annotations

import msgspec

_DOUBTFUL_SILENCE = 0.6
_DOUBTFUL_LOGPROB = -0.8
_CIRCULAR_RATIO = 3.0
_DESPERATE_TEMPERATURE = 0.8
_FASTEST_MS_PER_CHARACTER = 20

# What Whisper writes over music and noise: the ends of the subtitles it learnt from.
_PHANTOMS = frozenset(
    {
        "thank you for watching",
        "thanks for watching",
        "please subscribe",
        "subtitles by the amara.org community",
        "字幕由amara.org社群提供",
        "请不吝点赞订阅转发打赏支持明镜与点点栏目",
        "請不吝點贊訂閱轉發打賞支持明鏡與點點欄目",
    }
)


class Doubts(msgspec.Struct, frozen=True, kw_only=True):
    """What such models tell of each segment; others leave it away."""

    avg_logprob: float | None = None
    compression_ratio: float | None = None
    no_speech_prob: float | None = None
    temperature: float | None = None


def is_doubtful(doubts: Doubts, text: str, length_ms: int) -> bool:
    """Whether a segment with this text, which takes so long to say, may be made up."""
    silent = (doubts.no_speech_prob or 0.0) > _DOUBTFUL_SILENCE and (doubts.avg_logprob or 0.0) < _DOUBTFUL_LOGPROB
    return (
        silent
        or (doubts.compression_ratio or 0.0) > _CIRCULAR_RATIO
        or (doubts.temperature or 0.0) >= _DESPERATE_TEMPERATURE
        or length_ms < len(text.strip()) * _FASTEST_MS_PER_CHARACTER
        or text.strip().casefold().rstrip(".!。！") in _PHANTOMS
    )
