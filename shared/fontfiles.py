"""Where the font files lie: in Python packages, which are found without loading them or anything that reads fonts."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from shared.errors import ConfigurationError

_LATIN = ("fontpkg_inter", "files/Inter[opsz,wght].ttf")
_CJK = ("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc")
_NOTO = "manimgx_fonts"


def latin_file() -> Path:
    """Inter, variable in weight and optical size: Latin, Greek and Cyrillic. Raises `ConfigurationError`."""
    return _path(*_LATIN)


def cjk_file() -> Path:
    """Noto Sans CJK, variable in weight, one face for each region. Raises `ConfigurationError`."""
    return _path(*_CJK)


def noto_file(family: str) -> Path:
    """The Noto font of a script or of symbols, variable in weight, such as `SansArabic`. Raises `ConfigurationError`."""
    return _path(_NOTO, f"Noto{family}[wght].ttf")


def _path(package: str, name: str) -> Path:
    spec = find_spec(package)
    path = Path(spec.origin).parent / name if spec is not None and spec.origin is not None else None
    if path is None or not path.is_file():
        raise ConfigurationError(f"The font {name} of the package {package} is missing; install 'audio2txt[gateway,reporter]'.")
    return path
