"""What every Word document of a language has in common: its styles, lists, page edges and properties, made by python-docx.

python-docx's own template carries hundreds of styles that nobody uses here; those are taken out, so that a file is small and
its list of styles is ours. East Asian fonts are named, not embedded: Word has no way to take an OpenType collection along.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache
from typing import Any

import docx
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_TAB_ALIGNMENT
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Cm, Pt, RGBColor

from services.reporter.renderers.docx.palette import ACCENT, AMBER, AMBER_SOFT, GREEN, HAIRLINE, INK, MUTED

TITLE_HERE = "audio2txt-title"
"""Stands in the page's head for the document's title, which differs from document to document."""

LATIN_FONT, OTHER_FONT = "Calibri", "Arial"
BULLET, DECISION, ACTION = 1, 2, 3
"""Numbers of the lists' signs."""

_FONTS = {
    "zh-hant": ("Microsoft JhengHei", "zh-TW"),
    "zh-hk": ("Microsoft JhengHei", "zh-HK"),
    "zh-hans": ("Microsoft YaHei", "zh-CN"),
    "zh-cn": ("Microsoft YaHei", "zh-CN"),
    "zh-sg": ("Microsoft YaHei", "zh-SG"),
    "ja": ("Yu Gothic", "ja-JP"),
    "ko": ("Malgun Gothic", "ko-KR"),
}
_DEFAULT_FONT = ("Microsoft JhengHei", "zh-TW")
_LATIN_LANGUAGES = {"en": "en-US", "de": "de-DE", "fr": "fr-FR", "es": "es-ES", "it": "it-IT", "nl": "nl-NL", "pt": "pt-PT"}

_KEPT_STYLES = {
    "Normal", "Header", "Footer", "Title", "Subtitle", "Heading1", "Heading2", "ListBullet", "Quote", "Hyperlink",
    "DefaultParagraphFont", "TableNormal", "NoList",
}  # fmt: skip
_LEFT_OUT = ("word/stylesWithEffects.xml", "docProps/thumbnail.jpeg", "customXml/")

Part = dict[str, bytes]
"""Members of the package by name."""


@cache
def skeleton(language: str, spoken: str | None) -> Part:
    """A document without content in the report's `language`, whose quotations are in the language `spoken` (BCP-47)."""
    document = docx.Document()
    _clear_styles(document)
    _add_styles(document, _font_of(language), _font_of(spoken or language))
    _set_defaults(document, language)
    _set_lists(document)
    _set_page(document)
    _set_compatibility(document)
    file = io.BytesIO()
    document.save(file)
    with zipfile.ZipFile(file) as package:
        return _stripped({name: package.read(name) for name in package.namelist()})


def _stripped(parts: Part) -> Part:
    """Without what python-docx's template brings along and nothing needs."""
    kept = {name: data for name, data in parts.items() if not name.startswith(_LEFT_OUT)}
    for name in ("[Content_Types].xml", "_rels/.rels", "word/_rels/document.xml.rels"):
        kept[name] = _without_references(kept[name])
    return kept


def _without_references(data: bytes) -> bytes:
    root = parse_xml(data)
    for child in list(root):
        target = str(child.get("PartName") or child.get("Target") or "").lstrip("/.")
        if child.get("Extension") == "jpeg" or any(left.removeprefix("word/") in target for left in _LEFT_OUT):
            root.remove(child)
    return _serialised(root)


def _serialised(root: Any) -> bytes:
    from lxml import etree

    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return data


def _clear_styles(document: Any) -> None:
    root = document.styles.element
    for style in root.findall(qn("w:style")):
        if style.get(qn("w:styleId")) not in _KEPT_STYLES:
            root.remove(style)
            continue
        for name in ("w:link", "w:next"):
            for reference in style.findall(qn(name)):
                style.remove(reference)


def _add_styles(document: Any, font: tuple[str, str], spoken: tuple[str, str]) -> None:
    def add(name: str, size: float, **look: Any) -> Any:
        return _style(document, name, size, font=font, **look)

    add("Normal", 10.5, after=5)
    _without_border(add("Title", 23, bold=True, after=2, line=1.15, keep=True))
    add("Kind", 8.5, bold=True, colour=ACCENT, after=4, keep=True)
    add("Subtitle", 9.5, colour=MUTED, after=10)
    add("Heading 1", 15, bold=True, before=20, after=6, keep=True)
    add("Heading 2", 11.5, bold=True, before=12, after=4, keep=True)
    add("Header", 8, colour=MUTED, after=0)
    add("Footer", 8, colour=MUTED, after=0)
    for name, number, after in (("List Bullet", BULLET, 3.5), ("Decision", DECISION, 3.5), ("Action", ACTION, 3.5)):
        _numbered(add(name, 10.5, after=after), number)
    add("Question", 10.5, bold=True, before=4, after=1, keep=True)
    add("Answer", 10.5, after=6)
    _hanging(add("Moment", 10.5, after=3.5), 900)
    add("Cell", 9.5, after=0, line=1.2)
    add("Cell Head", 8.5, bold=True, colour=MUTED, after=0, line=1.2, keep=True)
    add("Figure", 14, bold=True, after=0, line=1.1, keep=True)
    add("Figure Label", 8, colour=MUTED, after=0, line=1.1)
    add("Notice", 9, colour=MUTED, after=4)
    _panelled(add("Warning", 9, colour=AMBER, after=3))
    _bordered(_style(document, "Quote", 10.5, font=spoken, before=2, after=5), ACCENT)
    _style(document, "Speaker", 9.5, font=font, bold=True, before=7, after=1, keep=True)
    _hanging(_style(document, "Utterance", 10.5, font=spoken, after=4), 900)
    _style(document, "Bar", 1, font=font, after=0, line=1.0)
    _character(document, "Time", 8.5, MUTED)
    _character(document, "Time Link", 8.5, ACCENT)
    _character(document, "Citation", 9.5, ACCENT, superscript=True)
    _character(document, "Doubt", 9, AMBER)
    _character(document, "Web Link", 0, ACCENT)
    _table_style(document, "Report Table", f'<w:bottom w:val="single" w:sz="4" w:space="0" w:color="{HAIRLINE}"/>'
                 f'<w:insideH w:val="single" w:sz="4" w:space="0" w:color="{HAIRLINE}"/>')  # fmt: skip
    _table_style(document, "Plain Table", "")


def _style(
    document: Any, name: str, size: float, *, font: tuple[str, str], bold: bool = False, colour: str = INK,
    before: float = 0, after: float = 0, line: float = 1.3, keep: bool = False,
) -> Any:  # fmt: skip
    """A paragraph style. Theme fonts are taken out: they would win over those named here."""
    known = {style.name for style in document.styles}
    style = document.styles[name] if name in known else document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    if name != "Normal":
        style.base_style = document.styles["Normal"]
    _set_size(style, size)
    style.font.bold, style.font.italic = bold, False
    style.font.color.rgb = RGBColor.from_string(colour)
    properties = style.element.get_or_add_rPr()
    _set_fonts(properties.get_or_add_rFonts(), font[0])
    for spacing in properties.findall(qn("w:spacing")):
        properties.remove(spacing)
    for tabs in style.element.get_or_add_pPr().findall(qn("w:tabs")):
        style.element.pPr.remove(tabs)
    layout = style.paragraph_format
    layout.space_before, layout.space_after, layout.line_spacing = Pt(before), Pt(after), line
    layout.keep_with_next, layout.widow_control = keep, True
    style.quick_style = True
    return style


def _set_fonts(fonts: Any, east_asian: str) -> None:
    for name in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{name}"), None)
    for name, font in (("ascii", LATIN_FONT), ("hAnsi", LATIN_FONT), ("eastAsia", east_asian), ("cs", OTHER_FONT)):
        fonts.set(qn(f"w:{name}"), font)


def _character(document: Any, name: str, size: float, colour: str, *, superscript: bool = False) -> None:
    style = document.styles.add_style(name, WD_STYLE_TYPE.CHARACTER)
    if size:
        _set_size(style, size)
    style.font.color.rgb = RGBColor.from_string(colour)
    style.font.superscript = superscript or None


def _set_size(style: Any, points: float) -> None:
    """Also for Arabic and Hebrew, whose size Word keeps apart."""
    style.font.size = Pt(points)
    properties = style.element.get_or_add_rPr()
    for old in properties.findall(qn("w:szCs")):
        properties.remove(old)
    size = properties.find(qn("w:sz"))
    size.addnext(parse_xml(f'<w:szCs {nsdecls("w")} w:val="{round(points * 2)}"/>'))


def _table_style(document: Any, name: str, borders: str) -> None:
    document.styles.element.append(
        parse_xml(
            f'<w:style {nsdecls("w")} w:type="table" w:customStyle="1" w:styleId="{name.replace(" ", "")}">'
            f'<w:name w:val="{name}"/><w:basedOn w:val="TableNormal"/>'
            f"<w:tblPr><w:tblBorders>{borders}</w:tblBorders></w:tblPr></w:style>"
        )
    )


def _numbered(style: Any, number: int) -> None:
    properties = style.element.get_or_add_pPr()
    for old in properties.findall(qn("w:numPr")):
        properties.remove(old)
    properties.get_or_add_numPr().get_or_add_numId().val = number


def _hanging(style: Any, width: int) -> None:
    """What comes first stands in a gutter of its own, up to a tab."""
    layout = style.paragraph_format
    layout.left_indent, layout.first_line_indent = Pt(width / 20), Pt(-width / 20)
    layout.tab_stops.add_tab_stop(Pt(width / 20))


def _without_border(style: Any) -> None:
    properties = style.element.get_or_add_pPr()
    for border in properties.findall(qn("w:pBdr")):
        properties.remove(border)


def _bordered(style: Any, colour: str) -> None:
    """A bar at the left."""
    _insert(style, f'<w:pBdr {nsdecls("w")}><w:left w:val="single" w:sz="18" w:space="8" w:color="{colour}"/></w:pBdr>')
    style.paragraph_format.left_indent = Pt(12)


def _panelled(style: Any) -> None:
    _insert(style, f'<w:shd {nsdecls("w")} w:val="clear" w:color="auto" w:fill="{AMBER_SOFT}"/>')


def _insert(style: Any, markup: str) -> None:
    """Into the paragraph's properties, before what the schema wants behind borders and shades."""
    properties, element = style.element.get_or_add_pPr(), parse_xml(markup)
    before = ("w:keepNext", "w:keepLines", "w:widowControl", "w:numPr", "w:pBdr")
    after = [child for child in properties if child.tag not in {qn(name) for name in before}]
    if after:
        after[0].addprevious(element)
    else:
        properties.append(element)


def _set_defaults(document: Any, language: str) -> None:
    """The language of the words that are ours, for spelling and reading aloud."""
    defaults = document.styles.element.find(qn("w:docDefaults")).find(qn("w:rPrDefault")).find(qn("w:rPr"))
    for old in [*defaults.findall(qn("w:lang")), *defaults.findall(qn("w:rFonts"))]:
        defaults.remove(old)
    east_asian, tag = _font_of(language)
    fonts = parse_xml(f"<w:rFonts {nsdecls('w')}/>")
    _set_fonts(fonts, east_asian)
    defaults.insert(0, fonts)
    latin = _LATIN_LANGUAGES.get(language.lower().partition("-")[0], "en-US")
    defaults.append(parse_xml(f'<w:lang {nsdecls("w")} w:val="{latin}" w:eastAsia="{tag}" w:bidi="ar-SA"/>'))


def _set_lists(document: Any) -> None:
    """Three lists that differ in their signs."""
    signs = {BULLET: ("•", ACCENT), DECISION: ("✓", GREEN), ACTION: ("☐", ACCENT)}
    root = document.part.numbering_part.element
    for child in list(root):
        root.remove(child)
    for number, (sign, colour) in signs.items():
        fonts = "".join(f' w:{name}="Segoe UI Symbol"' for name in ("ascii", "hAnsi", "eastAsia", "cs")) if sign != "•" else ""
        root.append(
            parse_xml(
                f'<w:abstractNum {nsdecls("w")} w:abstractNumId="{number}"><w:multiLevelType w:val="hybridMultilevel"/>'
                f'<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="bullet"/><w:lvlText w:val="{sign}"/>'
                f'<w:lvlJc w:val="left"/><w:pPr><w:ind w:left="360" w:hanging="360"/></w:pPr>'
                f'<w:rPr><w:rFonts{fonts}/><w:color w:val="{colour}"/></w:rPr></w:lvl></w:abstractNum>'
            )
        )
    for number in signs:
        root.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="{number}"><w:abstractNumId w:val="{number}"/></w:num>'))


def _set_page(document: Any) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2)
    section.top_margin, section.bottom_margin = Cm(2.1), Cm(1.9)
    section.header_distance = section.footer_distance = Cm(1)
    section.different_first_page_header_footer = True
    section.header.is_linked_to_previous = False
    section.header.paragraphs[0].text = TITLE_HERE
    for footer in (section.first_page_footer, section.footer):
        footer.is_linked_to_previous = False
        _write_footer(footer.paragraphs[0])


def _set_compatibility(document: Any) -> None:
    """As Word of 2013 and later lays out: a table's edge, not its text, stands at the margin."""
    for setting in document.settings.element.iter(qn("w:compatSetting")):
        if setting.get(qn("w:name")) == "compatibilityMode":
            setting.set(qn("w:val"), "15")


def _write_footer(paragraph: Any) -> None:
    paragraph.style = "Footer"
    paragraph.paragraph_format.tab_stops.add_tab_stop(Cm(17), alignment=WD_TAB_ALIGNMENT.RIGHT)
    paragraph.add_run("Audio2txt").bold = True
    paragraph.add_run("\t")
    for index, code in enumerate(("PAGE", "NUMPAGES")):
        if index:
            paragraph.add_run(" / ")
        field = f'<w:fldSimple {nsdecls("w")} w:instr="{code}"><w:r><w:t>1</w:t></w:r></w:fldSimple>'
        paragraph._p.append(parse_xml(field))  # noqa: SLF001 -- python-docx knows no fields


def _font_of(language: str | None) -> tuple[str, str]:
    """The East Asian font for a language, and the tag under which Word knows it."""
    parts = (language or "").lower().split("-")
    prefixes = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((_FONTS[prefix] for prefix in prefixes if prefix in _FONTS), _DEFAULT_FONT)
