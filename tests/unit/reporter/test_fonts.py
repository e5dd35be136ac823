from __future__ import annotations

import pytest

from services.reporter.renderers.pdf.fonts import TRADITIONAL, Face, cjk, latin
from services.reporter.renderers.pdf.styles import MISSING
from shared import fontfiles
from shared.errors import ConfigurationError
from shared.fontfiles import cjk_file


def _chinese(weight: float = 400) -> Face:
    """A face that has cut nothing yet."""
    return Face(cjk_file(), TRADITIONAL, {"wght": weight})


def test_a_subset_does_not_depend_on_what_was_cut_before() -> None:
    """A process that has rendered a thousand reports gives the same bytes as a new one."""
    fresh, worn = _chinese(), _chinese()
    worn.subset("山川異域風月同天A1，。𠮷")
    assert worn.subset("天地玄黃A，") == fresh.subset("天地玄黃A，")


@pytest.mark.parametrize("face", [latin(400, 14), latin(700, 32), cjk(TRADITIONAL, 700)])
def test_codes_are_numbers_of_glyphs_in_the_subset(face: Face) -> None:
    """Small ones, since a subset holds little else; 0 is left for what is missing."""
    subset = face.subset("hello, WORLD")
    assert set(subset.codes) == set("hello, WORLD")
    assert len(set(subset.codes.values())) == len(subset.codes)
    assert all(0 < code < 20 for code in subset.codes.values())
    assert all(subset.widths[code] == face.advance(character) for character, code in subset.codes.items())
    assert len(subset.data) < 8000


def test_regions_and_weights_have_shapes_of_their_own() -> None:
    """The same character drawn three times."""
    assert len({cjk(3, 400).subset("骨").data, cjk(2, 400).subset("骨").data, cjk(3, 700).subset("骨").data}) == 3


def test_every_region_has_the_mark_for_missing_characters() -> None:
    """Without it there would be empty boxes."""
    assert all(cjk(region, weight).shows(MISSING) for region in range(5) for weight in (400, 700))


def test_a_missing_font_is_named_before_the_first_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator learns which package to install."""
    monkeypatch.setattr(fontfiles, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="manimgx_fonts_cjk"):
        cjk_file()
