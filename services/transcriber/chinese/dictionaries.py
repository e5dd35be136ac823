"""OpenCC's dictionaries, with two lists of our own: what speakers must not be made to say, and surnames.

OpenCC's words of Taiwan (`s2twp`) come from software: `文件` becomes `檔案`, `支持` `支援`, `對象` `物件`. Who speaks means
the everyday word, which Taiwan has too; a record that turns a marriage partner (`結婚對象`) into an object is wrong.
"""

from __future__ import annotations

import json
import tempfile
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import opencc

REVISION = 1
"""Of the two lists; raised with every change, because it stands in transcripts."""

VERSION = f"{opencc.__version__}+audio2txt.{REVISION}"


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


KEPT_WORDS = _listed("""
    交互 仿真 低級 保存 信號 像素 優化 全局 公元 兼容 函數 分區 刷新 剪切 創建 卸載 參數 呼出 回調 圖像 在線 壁紙 奔馳
    字體 實例 審核 對象 導入 導出 局部 布爾 循環 性價比 性能 打開 批量 拋出 拷貝 持久性 指針 掛斷 採樣 搜索 擴展 支持 截取
    數據 文件 映射 智能 查找 查看 格拉斯 權限 歐拉 消息 涼菜 添加 溢出 激活 登錄 發佈 發送 社區 禁用 程序 窗口 算法 組件
    綁定 網卡 縮進 聯繫 聲明 腳本 自行車 菜單 萬象 觸摸 註銷 設備 設置 調度 調用 調製 調試 代碼 連接 連接器 通信 進程 運行
    遠程 重裝 重載 鏡像 隊列 項目 類型 高級 高端 點擊 默認 用戶
""")
"""Words of everyday speech, in Taiwan's characters, that OpenCC takes for mainland words of software, or for foreign names.
Longer words that hold one, such as `文件夾` and `數據庫`, are still converted."""

_SURNAMES = "于余岳涂游范郁"
"""That OpenCC takes for Simplified forms of `於`, `餘`, `嶽` …: before a title they are names."""
_TITLES = _listed("""
    先生 女士 小姐 太太 夫人 老師 教授 博士 醫師 醫生 護士 律師 法官 檢察官 警官 經理 總經理 副總 總監 主任 主席 主委 處長
    科長 課長 組長 局長 部長 院長 校長 會長 董事 董事長 秘書 秘書長 委員 議員 立委 市長 縣長 里長 同學 同志 大哥 大姐 伯伯
    阿姨 媽媽 爸爸
""")

_CONFIGS = ("s2t", "s2tw", "s2twp", "s2hk", "t2tw", "t2hk", "t2s")
_SHARE = Path(opencc.__file__).parent / "clib" / "share" / "opencc"
_FROM_SIMPLIFIED = "STPhrases.ocd2"
_WORDS_OF_TAIWAN = "TWPhrases.ocd2"


def converter(config: str) -> opencc.OpenCC:
    """OpenCC by one of its own configurations, with our lists beside its dictionaries."""
    return _converters()[config]


@cache
def _converters() -> dict[str, opencc.OpenCC]:
    """All at once: they share what is loaded from the same paths, 40 MB of it."""
    with tempfile.TemporaryDirectory(prefix="audio2txt-opencc-") as folder:
        own = {_WORDS_OF_TAIWAN: Path(folder, "kept.txt"), _FROM_SIMPLIFIED: Path(folder, "surnames.txt")}
        own[_WORDS_OF_TAIWAN].write_text(_lines(_kept_words()), encoding="utf-8")
        own[_FROM_SIMPLIFIED].write_text(_lines(_titled_surnames()), encoding="utf-8")
        return {config: _opened(config, own, Path(folder, f"{config}.json")) for config in _CONFIGS}


def _opened(config: str, own: dict[str, Path], path: Path) -> opencc.OpenCC:
    parts = json.loads((_SHARE / f"{config}.json").read_text(encoding="utf-8"))
    path.write_text(json.dumps(_with_own(parts, own)), encoding="utf-8")
    return opencc.OpenCC(str(path), include_tofu_risk_dictionaries=False)


def _with_own(part: Any, own: dict[str, Path]) -> Any:
    """A part of a configuration with each list of ours beside the dictionary that it amends; the longest entry wins."""
    match part:
        case {"file": name}:
            theirs = {**part, "file": str(_SHARE / name)}
            return _union({"type": "text", "file": str(own[name])}, theirs) if name in own else theirs
        case {"match_policy": "union", "dicts": dicts}:
            return _union(*(_with_own(one, own) for one in dicts))
        case dict():
            return {key: _with_own(value, own) for key, value in part.items()}
        case list():
            return [_with_own(one, own) for one in part]
        case _:
            return part


def _union(*dicts: Any) -> Any:
    """Of dictionaries, of which those that are unions are taken apart: OpenCC copies whole dictionaries into nested ones."""
    flat = [one for each in dicts for one in (each["dicts"] if each.get("match_policy") == "union" else [each])]
    return {"type": "group", "match_policy": "union", "dicts": flat}


def _kept_words() -> dict[str, str]:
    """Each in OpenCC's characters, in which its dictionaries are looked up, and in Taiwan's."""
    standard = opencc.OpenCC("tw2t")
    return {standard.convert(word): word for word in KEPT_WORDS}


def _titled_surnames() -> dict[str, str]:
    simplified = opencc.OpenCC("t2s")
    return {name + simplified.convert(title): name + title for name, title in product(_SURNAMES, _TITLES)}


def _lines(entries: dict[str, str]) -> str:
    return "".join(f"{source}\t{target}\n" for source, target in sorted(entries.items()))
