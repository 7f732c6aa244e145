"""The report of an acceptance, from its record: for whoever signs for a device."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from markaz.interfaces.charts.verdict import HEIGHT, WIDTH, Shape, shapes, verdict, written
from markaz.quantum.accept.contract import BENCHMARKS
from markaz.quantum.devices.quantities import parse as quantity_of

if TYPE_CHECKING:
    from fpdf import FPDF

SUMMARY: Final = {
    "pass": "Every criterion is met: each 95 % interval lies on the right side of its bound.",
    "fail": "At least one criterion is not met.",
    "undecided": "No criterion is missed, but at least one interval contains its bound: "
    "measure again before you decide.",
}
EMULATED: Final = (
    "EMULATED: the device is software that behaves like one. This report is practice; it is no "
    "statement about any machine."
)
_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;
color:#1a1a1a;background:#fff}
table{border-collapse:collapse;width:100%;margin:1rem 0}
th,td{text-align:start;padding:.4rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}
.pass{color:#0b6b2e}.fail{color:#a11212}.undecided{color:#8a5a00}
.overall{font-size:1.4rem;font-weight:700;text-transform:uppercase}
.note{border:2px solid #8a5a00;padding:.6rem 1rem;margin:1rem 0}
figure{margin:0 0 1.5rem}svg{width:100%;max-width:34rem}
.allowed{fill:#e3efe6}.axis{stroke:#888}.bound{stroke:#a11212;stroke-width:2;stroke-dasharray:5 3}
.interval{stroke:#14508c;stroke-width:3}.value{fill:#14508c}.dot{fill:#777}.tick{font-size:12px}
code{overflow-wrap:anywhere}pre{white-space:pre-wrap;background:#f3f3f3;padding:.5rem .8rem}
small{color:#555}
@media print{body{margin:0}figure,tr{break-inside:avoid}h2{break-after:avoid}}
"""
_COLOURS: Final = {
    "allowed": (227, 239, 230), "axis": (136, 136, 136), "bound": (161, 18, 18),
    "interval": (20, 80, 140), "value": (20, 80, 140), "dot": (119, 119, 119),
    "pass": (11, 107, 46), "fail": (161, 18, 18), "undecided": (138, 90, 0),
}  # fmt: skip


def facts(document: Mapping[str, Any], key_id: str) -> list[tuple[str, str]]:
    """What the report is about, as (name, value)."""
    return [
        ("Device", f"{document['device_title']} ({document['device']} {document['version']})"),
        ("Reference", document["reference"] or "none"),
        ("Measured", f"{_when(document['started_at'])} to {_when(document['ended_at'])} UTC"),
        ("By", document["site"] or "an unnamed centre"),
        ("Calibration sheet", document["sheet"]),
        ("Device file", document["model"]),
        ("Signed with key", key_id),
    ]


def _when(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


def asked(one: Mapping[str, Any]) -> str:
    """The bound of a criterion in words."""
    return f"at {'least' if one['at_least'] else 'most'} {written(one['bound'], one['unit'])}"


def measured(one: Mapping[str, Any]) -> str:
    """What was measured, in words."""
    if one["value"] is None:
        return one["note"] or "not measured"
    words = written(one["value"], one["unit"])
    return f"{words}; {one['note']}" if one["note"] else words


def interval(one: Mapping[str, Any]) -> str:
    """Its 95 % interval in words; a dash where there is none."""
    if one["value"] is None:
        return "-"
    return f"{written(one['low'])} to {written(one['high'], one['unit'])}"


def meaning(one: Mapping[str, Any]) -> str:
    """What the number is, for who does not know its name."""
    measure = str(one["measure"])
    if measure in BENCHMARKS:
        return BENCHMARKS[measure][0]
    quantity, gate = quantity_of(measure)
    return f"{quantity.doc} ({gate})" if gate else quantity.doc


def capital(words: str) -> str:
    """With a first letter as at the beginning of a sentence."""
    return (words[:1].upper() + words[1:]).replace("Ghz", "GHZ")


def checking(document: Mapping[str, Any], key_id: str) -> list[tuple[str, str]]:
    """How to check the signature: steps, each a sentence and what to type or compare."""
    return [
        ("This page is a picture of a signed record, the file acceptance.json beside it. Check "
         "the record, not the page; no network is needed:",
         "markaz verify acceptance.json --key centre.pub"),
        ("It must say \"valid\". That the key is the centre's own, ask the centre by a way that "
         f"you trust ({document['site'] or 'it'} shows it under /v1/records/key). Its name is:",
         key_id),
        ("What was signed, number by number, for comparing with this page:",
         "markaz verify acceptance.json --key centre.pub --document"),
    ]  # fmt: skip


# -- HTML -----------------------------------------------------------------------------------


def html(document: Mapping[str, Any], key_id: str) -> str:
    """The report as one page that needs nothing else: summary, table, pictures."""
    overall = document["overall"]
    parts = [
        f"<h1>Acceptance: {escape(document['title'])}</h1>",
        f'<p class="overall {overall}">{overall}</p>',
        f"<p>{escape(SUMMARY[overall])} {_counted(document)}</p>",
        f'<p class="note">{escape(EMULATED)}</p>' if document["emulated"] else "",
        _table(document),
        "<h2>What it is about</h2>",
        _facts(document, key_id),
        "<h2>Each criterion</h2>",
        *(_figure(one) for one in document["criteria"] if one["value"] is not None),
        "<h2>How to read this</h2>",
        f"<p>{escape(READING)}</p>",
        "<h2>How to check the signature</h2>",
        *(
            f"<p>{escape(step)}</p><pre><code>{escape(what)}</code></pre>"
            for step, what in checking(document, key_id)
        ),
    ]
    title = escape(f"Acceptance of {document['device']}")
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    width = '<meta name="viewport" content="width=device-width">'
    body = "\n".join(part for part in parts if part)
    page = f'<html lang="en"><head>{head}{width}</head><body>\n{body}\n</body></html>'
    return f"<!doctype html>\n{page}\n"


READING: Final = (
    "A value is given with its 95 % interval. A criterion passes if the whole interval lies on "
    "the right side of the bound, fails if all of it lies on the wrong side or nothing could be "
    "measured, and is undecided otherwise. In the pictures the green area is what the contract "
    "allows, the dashed line its bound, the large dot the measured value, the bar its interval, "
    "and small dots the single qubits or couplers."
)


def _counted(document: Mapping[str, Any]) -> str:
    verdicts = [one["verdict"] for one in document["criteria"]]
    words = [f"{verdicts.count(kind)} {kind}" for kind in SUMMARY if kind in verdicts]
    return f"{len(verdicts)} criteria: {', '.join(words)}."


def _table(document: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td>{escape(capital(one['words']))}<br><small>{escape(meaning(one))}</small></td>"
        f"<td>{escape(asked(one))}</td><td>{escape(measured(one))}</td>"
        f"<td>{escape(interval(one))}</td>"
        f'<td class="{one["verdict"]}"><strong>{one["verdict"]}</strong></td></tr>'
        for one in document["criteria"]
    ]
    head = "".join(f"<th>{words}</th>" for words in HEAD)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


HEAD: Final = ("Criterion", "Contracted", "Measured", "95 % interval", "Verdict")


def _facts(document: Mapping[str, Any], key_id: str) -> str:
    rows = (
        f"<tr><th>{escape(name)}</th><td><code>{escape(value)}</code></td></tr>"
        for name, value in facts(document, key_id)
    )
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _figure(one: Mapping[str, Any]) -> str:
    shown = f'<strong class="{one["verdict"]}">{one["verdict"]}</strong>'
    words = f"{escape(capital(one['words']))}: {shown}<br><small>{escape(meaning(one))}</small>"
    return f"<figure><figcaption>{words}</figcaption>{verdict(one)}</figure>"


# -- PDF ------------------------------------------------------------------------------------


def pdf(document: Mapping[str, Any], key_id: str) -> bytes:
    """The report on A4 pages. Characters beyond Latin-1 appear as question marks there; the
    web page has them all."""
    paper = _paper(document)
    _paragraph(paper, f"Acceptance: {document['title']}", 20, "B")
    paper.set_text_color(*_COLOURS[document["overall"]])
    _paragraph(paper, document["overall"].upper(), 18, "B")
    paper.set_text_color(0, 0, 0)
    _paragraph(paper, f"{SUMMARY[document['overall']]} {_counted(document)}", 11)
    if document["emulated"]:
        _paragraph(paper, EMULATED, 11, "B")
    _rows(paper, document)
    _paragraph(paper, "What it is about", 14, "B")
    for name, value in facts(document, key_id):
        _paragraph(paper, f"{name}: {value}", 9)
    _signatures(paper)
    paper.add_page()
    _paragraph(paper, "Each criterion", 14, "B")
    for one in document["criteria"]:
        if one["value"] is not None:
            _picture(paper, one)
    _last(paper, document, key_id)
    return bytes(paper.output())


def _paper(document: Mapping[str, Any]) -> FPDF:
    """A first empty page; each page says at its foot what it belongs to."""
    # Loads fonts and image libraries.
    from fpdf import FPDF  # noqa: PLC0415

    warning = "EMULATED, practice only - " if document["emulated"] else ""
    foot = _latin(f"{warning}{document['title']} - {document['device']}")

    class Paper(FPDF):
        def footer(self) -> None:
            self.set_y(-12)
            self.set_font("Helvetica", "", 8)
            self.set_text_color(90, 90, 90)
            self.cell(0, 5, f"{foot} - page {self.page_no()} of {{nb}}", align="C")
            self.set_text_color(0, 0, 0)

    paper = Paper(format="A4")
    paper.set_title(f"Acceptance of {document['device']}")
    paper.set_creation_date(datetime.fromtimestamp(document["ended_at"] / 1e6, UTC))
    paper.set_auto_page_break(True, margin=18)
    paper.add_page()
    return paper


def _signatures(paper: FPDF) -> None:
    """Lines for those who decide on paper."""
    if paper.will_page_break(26):
        paper.add_page()
    paper.ln(10)
    paper.set_font("Helvetica", "", 9)
    for words in ("For the centre: name, date, signature", "For the supplier: the same"):
        x, y = paper.get_x(), paper.get_y()
        paper.line(x, y, x + 80, y)
        paper.cell(95, 6, words)
    paper.ln(10)


def _last(paper: FPDF, document: Mapping[str, Any], key_id: str) -> None:
    if paper.will_page_break(90):
        paper.add_page()
    _paragraph(paper, "How to read this", 14, "B")
    _paragraph(paper, READING, 10)
    _paragraph(paper, "How to check the signature", 14, "B")
    for step, what in checking(document, key_id):
        _paragraph(paper, step, 10)
        _paragraph(paper, what, 9, family="Courier")


def _latin(words: str) -> str:
    return words.encode("latin-1", "replace").decode("latin-1")


def _paragraph(
    paper: FPDF, words: str, size: float, style: str = "", family: str = "Helvetica"
) -> None:
    paper.set_font(family, style, size)
    paper.multi_cell(0, size * 0.5, _latin(words), align="L", new_x="LMARGIN", new_y="NEXT")
    paper.ln(1.5)


def _rows(paper: FPDF, document: Mapping[str, Any]) -> None:
    from fpdf.fonts import FontFace  # noqa: PLC0415 - see _paper

    paper.set_font("Helvetica", "", 9)
    widths = (42, 22, 26, 26, 13)
    with paper.table(col_widths=widths, text_align="LEFT", line_height=5, padding=1) as table:
        table.row(HEAD)
        for one in document["criteria"]:
            row = table.row()
            named = f"{capital(one['words'])}\n({meaning(one)})"
            for cell in (named, asked(one), measured(one), interval(one)):
                row.cell(_latin(cell))
            face = FontFace(emphasis="BOLD", color=_COLOURS[one["verdict"]])
            row.cell(one["verdict"], style=face)
    paper.ln(4)


def _picture(paper: FPDF, one: Mapping[str, Any]) -> None:
    scale = 130.0 / WIDTH  # mm a unit
    if paper.will_page_break(HEIGHT * scale + 14):
        paper.add_page()
    _paragraph(paper, f"{capital(one['words'])}: {one['verdict']}", 10, "B")
    left, top = paper.l_margin, paper.get_y() + 1
    for shape in shapes(one):
        _put(paper, shape, left, top, scale)
    paper.set_draw_color(0, 0, 0)
    paper.set_dash_pattern()
    paper.set_y(top + HEIGHT * scale + 2)


def _put(paper: FPDF, shape: Shape, left: float, top: float, scale: float) -> None:
    x, y = left + shape.x * scale, top + shape.y * scale
    x2, y2 = left + shape.x2 * scale, top + shape.y2 * scale
    if shape.kind == "text":
        paper.set_font("Helvetica", "", 7)
        paper.text(x - paper.get_string_width(shape.words) / 2, y, _latin(shape.words))
        return
    paper.set_draw_color(*_COLOURS[shape.kind])
    paper.set_fill_color(*_COLOURS[shape.kind])
    if shape.kind in ("value", "dot"):
        radius = 1.2 if shape.kind == "value" else 0.5
        paper.circle(x, y, radius, style="F")
    elif shape.kind == "allowed":
        paper.rect(x, y, x2 - x, y2 - y, style="F")
    else:
        paper.set_line_width(0.8 if shape.kind == "interval" else 0.3)
        paper.set_dash_pattern(*((1.2, 0.8) if shape.kind == "bound" else ()))
        paper.line(x, y, x2, y2)
