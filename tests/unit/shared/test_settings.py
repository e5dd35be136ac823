"""What can be set is listed with what it means, and secrets are known as such."""

from __future__ import annotations

import importlib

import pytest

from shared.runtime import SERVICES
from shared.settings import Settings, describe


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_says_what_it_is_for(service: str) -> None:
    """Each in its own words, also those whose type has a pattern or a description of its own."""
    module = importlib.import_module(f"services.{service}.settings")
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Settings)]
    listed = [setting for kind in kinds for setting in describe(kind)]
    assert listed
    assert [one.variable for one in listed if not one.description] == []
    descriptions = [one.description for one in listed]
    assert [text for text in descriptions if descriptions.count(text) > 1] == []
    named = [one.variable for one in listed if one.variable.endswith(("_API_KEY", "_SECRET", "_SECRET_KEY", "_PASSWORD"))]
    assert [one.variable for one in listed if one.variable in named and not one.secret] == []
