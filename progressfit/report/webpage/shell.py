"""A page as one HTML file that asks nothing of the network: text escaped, scripts and styles pinned by their hashes."""

import base64
import functools
import hashlib
import html
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from progressfit.report.plain import finite
from progressfit.report.webpage.content import Block, Cell, Chart, Listing, Lookup, Page, Table, Tile
from progressfit.report.webpage.words import number

_WAIT = "The chart is drawn when scripts run; its numbers are in the table below."
# Inside a script element nothing but its end tag, or a comment that hides it, means anything to the HTML parser.
_IN_SCRIPT = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def page_html(page: Page) -> str:
    """The whole file as text; equal pages give equal text."""
    style, scripts = _asset("page.css"), (_engine(), _asset("page.js"))
    charts = [chart for block in page.blocks for chart in block.charts]
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_pin, scripts))}; style-src {_pin(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{text(page.title)}</title>\n<style>{style}</style>\n</head>\n<body>",
            *_header(page),
            "<main>",
            *(_block(block) for block in page.blocks),
            "</main>",
            f"<footer>{''.join(f'<p>{text(line)}</p>' for line in page.colophon)}</footer>",
            *(
                f'<script type="application/json" id="{chart.name}">{in_script(_payload(chart))}</script>'
                for chart in charts
            ),
            *(f"<script>{script}</script>" for script in scripts if charts),
            "</body>\n</html>\n",
        ]
    )


def text(words: str) -> str:
    """Any text as HTML text: markup shows as it is written, and what is no character shows as a mark."""
    return html.escape("".join(c if c.isprintable() or c == " " else "\N{REPLACEMENT CHARACTER}" for c in words))


def in_script(value: Any) -> str:
    """Plain data as JSON that neither ends the script element it stands in nor begins a comment there."""
    return json.dumps(finite(value), allow_nan=False, separators=(",", ":")).translate(_IN_SCRIPT)


def _pin(source: str) -> str:
    """A source expression for a content-security policy: this very text and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


@functools.cache
def _asset(name: str) -> str:
    return resources.files("progressfit.report.webpage").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def _engine() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _header(page: Page) -> Iterable[str]:
    good = " good" if page.certified else ""
    links = "".join(f'<li><a href="#{block.name}">{text(block.title)}</a></li>' for block in page.blocks)
    yield f'<header>\n<h1>{text(page.title)}</h1>\n<p class="sub">{text(page.subtitle)}</p>'
    yield f'<p class="verdict{good}">{text(page.verdict)}</p>'
    yield f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n</header>'


def _block(block: Block) -> str:
    parts = [f'<section id="{block.name}" aria-labelledby="{block.name}-title">']
    parts += [f'<h2 id="{block.name}-title">{text(block.title)}</h2>']
    parts += [f'<dl class="tiles">{"".join(map(_tile, block.tiles))}</dl>'] if block.tiles else []
    parts += [f"<p>{text(sentence)}</p>" for sentence in block.sentences]
    parts += [*map(_figure, block.charts), *map(_table, block.tables)]
    if block.more:
        folded = "".join(f"<p>{text(sentence)}</p>" for sentence in block.more)
        parts.append(f"<details><summary>More on this</summary>{folded}</details>")
    parts.append("</section>")
    return "\n".join(parts)


def _tile(tile: Tile) -> str:
    span = f'<dd class="span">{text(tile.span)}</dd>' if tile.span else ""
    return f'<div class="tile"><dt>{text(tile.label)}</dt><dd class="figure">{text(tile.figure)}</dd>{span}</div>'


def _figure(chart: Chart) -> str:
    says = '<p class="says" aria-live="polite"></p>' if isinstance(chart.says, Lookup | Listing) else ""
    return (
        f'<figure data-chart="{chart.name}" aria-labelledby="{chart.name}-caption">'
        f'<figcaption id="{chart.name}-caption">{text(chart.caption)}</figcaption>'
        f'<div class="chart"><p class="chart-wait">{_WAIT}</p></div>{says}'
        f"<details><summary>Numbers of this chart</summary>{_table(chart.numbers)}</details></figure>"
    )


def _payload(chart: Chart) -> Mapping[str, Any]:
    """What the page's own script reads of a chart."""
    found: dict[str, Any] = {"spec": dict(chart.spec), "follows": chart.follows}
    if isinstance(chart.says, Lookup):
        found["lookup"] = {"controls": list(chart.says.controls), "sentences": dict(chart.says.sentences)}
    if isinstance(chart.says, Listing):
        rows = [dict(row) for row in chart.says.rows]
        found["listing"] = {"brush": chart.says.brush, "rows": rows, "hint": chart.says.hint}
    return found


def _table(table: Table) -> str:
    numeric = [all(not isinstance(row[k], str) for row in table.rows) for k in range(len(table.head))]
    kind = ["number" if flag else "" for flag in numeric]
    card = ' class="card"' if not any(table.head) else ""
    head = "".join(f'<th scope="col" class="{c}">{text(h)}</th>' for h, c in zip(table.head, kind, strict=True))
    rows = "".join(f"<tr>{''.join(map(_cell, row, kind, _scopes(table)))}</tr>" for row in table.rows)
    caption = f"<caption>{text(table.caption)}</caption>" if table.caption else ""
    return (
        f'<div class="scroll"><table{card}>{caption}'
        f"{'' if card else f'<thead><tr>{head}</tr></thead>'}<tbody>{rows}</tbody></table></div>"
    )


def _scopes(table: Table) -> list[bool]:
    """Whether each column heads its row: the first of a table without heads."""
    return [not any(table.head) and k == 0 for k in range(len(table.head))]


def _cell(value: Cell, kind: str, heads: bool) -> str:
    shown = text(value) if isinstance(value, str) else "" if value is None else text(number(value))
    return (
        f'<th scope="row">{shown}</th>'
        if heads
        else f'<td class="{kind}">{shown}</td>'
        if kind
        else f"<td>{shown}</td>"
    )
