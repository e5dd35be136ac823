from __future__ import annotations

import pytest

from services.reporter.analysis.llm.script import Traditional

SCRIPT = Traditional(["余先生說他裡面有事。", "請于小姐也來。", "范先生同意。"])


@pytest.mark.parametrize(
    ("answered", "written"),
    [
        ("我们决定下周签约，预算三百万。", "我們決定下週簽約，預算三百萬。"),
        ("{spk_1} 说软件要更新 API", "{spk_1} 說軟件要更新 API"),
        ("余先生说剩余的预算不够", "余先生說剩餘的預算不夠"),
        ("于小姐说关于预算的事", "于小姐說關於預算的事"),
        ("范先生订了新的规范", "范先生訂了新的規範"),
    ],
)
def test_simplified_becomes_traditional_and_names_stay_names(answered: str, written: str) -> None:
    """Character for character; those that are both stay as the transcript has them."""
    assert SCRIPT.written(answered) == written


@pytest.mark.parametrize(
    "text",
    ["我們決定下週簽約。", "台灣的皇后在公里之外。", "余先生同意。", "Good morning", "おはようございます", "", "軟件及网"],
)
def test_what_is_traditional_stays_as_it_is(text: str) -> None:
    """Also where it holds characters that Simplified has too, and other languages."""
    assert SCRIPT.written(text) == text
