"""What a page is made of: blocks of sentences, figures and tables, as plain data that an HTML shell writes out."""

import dataclasses
from collections.abc import Mapping
from typing import Any

Cell = str | float | None
"""Text as it is, a number, or nothing."""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: what it shows, the heads of its columns, and its rows, as many cells each as there are heads."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclasses.dataclass(frozen=True)
class Lookup:
    """A sentence under a chart for each state of its controls.

    Attributes
    ----------
    controls
        Names of the chart's parameters that choose the sentence.
    sentences
        By the values of the controls, joined by "|".
    """

    controls: tuple[str, ...]
    sentences: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Listing:
    """A line under a chart that says which rows its brush holds.

    Attributes
    ----------
    brush
        Name of the chart's interval selection, over its horizontal axis.
    rows
        One mapping a row: ``x`` (the place on that axis), ``name``, ``observed`` and ``fitted``.
    hint
        What is said while nothing is brushed.
    """

    brush: str
    rows: tuple[Mapping[str, Any], ...]
    hint: str


@dataclasses.dataclass(frozen=True)
class Silent:
    """Nothing is said under the chart."""


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart with the words and numbers that stand for it where it cannot be seen.

    Attributes
    ----------
    name
        Unique on the page: letters, digits and hyphens.
    caption
        What is drawn and how to use it: one or two sentences.
    spec
        A Vega-Lite specification, data included.
    numbers
        The main numbers as a table.
    says
        What the page says below the chart as the reader uses it.
    follows
        Whether the chart shows only the period brushed in the chart over time.
    """

    name: str
    caption: str
    spec: Mapping[str, Any]
    numbers: Table
    says: Lookup | Listing | Silent = Silent()
    follows: bool = False


@dataclasses.dataclass(frozen=True)
class Tile:
    """One figure of the headline: what it is, the figure, and how sure it is."""

    label: str
    figure: str
    span: str


@dataclasses.dataclass(frozen=True)
class Block:
    """One section of a page.

    Attributes
    ----------
    name, title
        Anchor and heading.
    sentences
        Complete sentences, the most important first.
    tiles, charts, tables
        What is shown below them, in this order.
    more
        Sentences for those who want to know, folded away.
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    tiles: tuple[Tile, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    more: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Inapplicable:
    """A section that says nothing of this fit, and why, in a sentence."""

    title: str
    why: str


@dataclasses.dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes
    ----------
    title, subtitle
        Heading, and the line below it.
    verdict
        Whether the answer is certified, in a sentence.
    certified
        The same as a truth value.
    blocks
        The sections in order.
    colophon
        What made the page.
    """

    title: str
    subtitle: str
    verdict: str
    certified: bool
    blocks: tuple[Block, ...]
    colophon: tuple[str, ...]
