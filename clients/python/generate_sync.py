"""Makes the client's face without `asyncio` from the one with it: the same code, word for word, without `async` and `await`.

    python clients/python/generate_sync.py           writes audio2txt_client/_sync
    python clients/python/generate_sync.py --check   exits with 1 where that would change something

`blocking.py`, where the faces differ, is written by hand in both.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PACKAGE = Path(__file__).parent / "audio2txt_client"
BY_HAND = frozenset({"__init__.py", "blocking.py"})
NOTE = "# Made from {source} by generate_sync.py: change that, and run `make fmt`.\n\n"
LINE_LENGTH = 128

RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\basync (def|with|for)\b", r"\1"),
        (r"\bawait ", ""),
        (r"\bAsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]"),
        (r"\bAsync([A-Z]\w*)", r"\1"),
        (r"\basynccontextmanager\b", "contextmanager"),
        (r"\baclosing\b", "closing"),
        (r"\b__a(enter|exit)__\b", r"__\1__"),
        (r"\ba(close|read|iter_bytes|iter_sse)\(", r"\1("),
        (r"\b_async\b", "_sync"),
    )
)


def main() -> int:
    """Write the face, or look whether it is as it should be."""
    target = PACKAGE / "_sync"
    with TemporaryDirectory(prefix="audio2txt-client-") as folder:
        made = _make(Path(folder))
    if sys.argv[1:] == ["--check"]:
        there = {path.name: path.read_text(encoding="utf-8") for path in target.glob("*.py") if path.name not in BY_HAND}
        different = sorted(name for name in there.keys() | made.keys() if there.get(name) != made.get(name))
        for name in different:
            sys.stderr.write(f"{target / name} is not what generate_sync.py makes; run `make fmt`.\n")
        return 1 if different else 0
    for name, text in made.items():
        (target / name).write_text(text, encoding="utf-8")
    return 0


def _make(folder: Path) -> dict[str, str]:
    """The modules by name, formatted."""
    for source in sorted((PACKAGE / "_async").glob("*.py")):
        if source.name not in BY_HAND:
            text = source.read_text(encoding="utf-8")
            for pattern, replacement in RULES:
                text = pattern.sub(replacement, text)
            (folder / source.name).write_text(NOTE.format(source=f"_async/{source.name}") + text, encoding="utf-8")
    # Names sort otherwise, and lines are shorter.
    options = ["--quiet", "--isolated", f"--config=line-length={LINE_LENGTH}", "--no-cache", str(folder)]
    first_party = '--config=lint.isort.known-first-party=["audio2txt_client"]'
    subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--select=I,F401,SIM117,UP028",
            "--fix",
            "--unsafe-fixes",
            first_party,
            *options,
        ],
        check=True,
    )
    subprocess.run([sys.executable, "-m", "ruff", "format", *options], check=True)
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}


if __name__ == "__main__":
    sys.exit(main())
