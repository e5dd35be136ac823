"""Language tags (BCP-47) that a recording can be said to be in."""

from __future__ import annotations

import functools
import re

AUTO = "auto"

_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)",
    re.IGNORECASE,
)

# ISO 639-1, and languages with three letters that speech engines name.
_CODES = """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es
    et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj
    kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv
    ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti
    tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    ast bal bho ceb ckb cmn fil gsw hak haw kea kmr lao mai mni nan nso pap pes prs scn sco swc tpi tzm wuu yue
"""
_KNOWN = frozenset(_CODES.split())


@functools.lru_cache(1024)
def canonical(tag: str) -> str | None:
    """The tag in its usual spelling (`zh-hant` becomes `zh-Hant`), `auto` as it is, or null when it names no language."""
    if tag.lower() == AUTO:
        return AUTO
    match = _TAG.fullmatch(tag)
    if match is None or match["language"].lower() not in _KNOWN:
        return None
    parts = [match["language"].lower(), (match["script"] or "").title(), (match["region"] or "").upper()]
    return "-".join(filter(None, parts)) + match["variants"].lower()
