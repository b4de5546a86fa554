"""A description of a result as text for a terminal and as HTML for a notebook."""

import html
import textwrap
from collections.abc import Iterator

import numpy as np

from progressfit.infer.describe import Description, Row

_PAGE = 110
_HEAD = ("estimate", "std. error")


def as_text(found: Description) -> str:
    """The title, the answer, the certificate, the parameters and the warnings, wrapped to a page."""
    parts = [
        _paragraphs((found.title,)),
        _paragraphs(found.answer),
        _paragraphs(found.verdict),
        _table(found),
        _paragraphs(f"Warning: {warning}" for warning in found.warnings),
    ]
    return "\n\n".join(part for part in parts if part)


def _paragraphs(sentences: Iterator[str] | tuple[str, ...]) -> str:
    return "\n".join(textwrap.fill(sentence, _PAGE, subsequent_indent="  ") for sentence in sentences)


def _table(found: Description) -> str:
    if not found.rows:
        return ""
    width = max(len("parameter"), *(len(row.name) for row in found.rows))
    head = f"{'parameter':<{width}}  {_HEAD[0]:>12}  {_HEAD[1]:>12}"
    lines = [f"{head}  {found.spread}".rstrip()]
    for row in found.rows:
        estimate, error = _number(row.estimate, ".6g"), _number(row.error, ".3g")
        span, remark = _span(row), f"  ({row.remark})" if row.remark else ""
        lines.append(f"{row.name:<{width}}  {estimate:>12}  {error:>12}  {span}{remark}".rstrip())
    return "\n".join(lines)


def _number(value: float, digits: str) -> str:
    return format(value, digits) if np.isfinite(value) else "-"


def _span(row: Row) -> str:
    ends = (row.low, row.high)
    return f"[{_number(row.low, '.5g')}, {_number(row.high, '.5g')}]" if np.isfinite(ends).any() else ""


def as_html(found: Description) -> str:
    """The same as HTML without styles of its own or scripts; every word is escaped."""
    rows = "".join(_html_row(row) for row in found.rows)
    head = "".join(f"<th>{_escaped(name)}</th>" for name in ("parameter", *_HEAD, found.spread, ""))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    verdict = f"<details><summary>Certificate</summary>{_html_list(found.verdict)}</details>" if found.verdict else ""
    warnings = f"<p>Warnings</p>{_html_list(found.warnings)}" if found.warnings else ""
    answer = "".join(f"<p>{_escaped(sentence)}</p>" for sentence in (*found.answer, *found.verdict[:1]))
    return f"<div><p><b>{_escaped(found.title)}</b></p>{answer}{table}{warnings}{verdict}</div>"


def _html_row(row: Row) -> str:
    cells = (row.name, _number(row.estimate, ".6g"), _number(row.error, ".3g"), _span(row), row.remark)
    return f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in cells)}</tr>"


def _html_list(sentences: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{_escaped(sentence)}</li>' for sentence in sentences)}</ul>"


def _escaped(text: str) -> str:
    return html.escape(text)
