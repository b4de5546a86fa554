"""The verb ``page``: one self-contained HTML file from a fit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from progressfit import __version__
from progressfit._x64 import require_x64
from progressfit.atomic import replacing
from progressfit.dataset import Dataset
from progressfit.infer.optimise import check_key, fitted_weights
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model
from progressfit.report.webpage import (
    allocation,
    components,
    forecast,
    identification,
    influence,
    optima,
    over_inputs,
    over_time,
    parameters,
    rates,
    shares,
)
from progressfit.report.webpage.answer import answer
from progressfit.report.webpage.card import card
from progressfit.report.webpage.case import Case, NoRate, Rate, usual_rate
from progressfit.report.webpage.content import Block, Inapplicable, Page, Table
from progressfit.report.webpage.shell import page_html

_COLOPHON = (
    f"Made by progressfit {__version__}. This file is complete in itself: it fetches nothing and sends nothing.",
    "Charts are drawn by Vega, Vega-Lite and Vega-Embed (copyright University of Washington Interactive Data Lab and "
    "contributors, BSD 3-Clause licence), which build on D3 (copyright Mike Bostock, ISC licence).",
)


def page(
    path: Path | str,
    fit: Fit,
    data: Dataset,
    *,
    key: jax.Array,
    draws: Draws | Sequence[Draws] = (),
    of: Callable[[Model], Any] | None = None,
    quantity: str = "effective compute",
    level: float = 0.95,
    title: str = "How fast, and how sure",
    said: Sequence[str] = (),
    ends: tuple[str, str] | None = None,
    years: float = 5.0,
    facts: Mapping[str, str] | None = None,
    tables: Sequence[Table] = (),
) -> Path:
    """Write one HTML file with the answer, interactive charts and the fit card; it asks nothing of the network.

    Parameters
    ----------
    path
        The file to write; its folder is made if need be.
    fit, data
        A fit and the table that was fitted.
    key
        A JAX random key, for the scatter of new models in the forecast.
    draws
        Bootstrap replicates or posterior draws, one set or several; the first is quoted throughout.
    of, quantity
        A growth rate (a function of one model, natural log units a year) and what it is the growth of; by default that
        of the effective input which the law reads, where it has a date.
    level
        Coverage of intervals.
    title
        The heading.
    said
        Sentences that give the answer, in place of those made from ``of``.
    ends
        Names of the two rows between which the gain is attributed; by default the first by date and the best.
    years
        How far the forecast runs beyond the last date.
    facts
        More for the fit card, what -> value: the command, the seed, the file, the rows that were dropped.
    tables
        Tables shown before the card, such as published figures beside those found.

    Returns
    -------
    The path.

    Raises
    ------
    ValueError
        If the table is not the one that was fitted, the draws are of another fit, or ``ends`` names no single row.
    OSError
        If the file cannot be written.
    """
    require_x64()
    case = _case(fit, data, key, draws, of, quantity, level, ends, years, facts or {})
    sections = [_guarded(title, section, case) for title, section in _SECTIONS.items()]
    told = [one for one in sections if isinstance(one, Block)]
    blocks = [answer(case, tuple(said)), *told, *_extra(tables), *_left(sections), card(case)]
    found = Page(title, _subtitle(case), _verdict(case), _doubt(case) is None, tuple(blocks), _COLOPHON)
    return _write(Path(path), page_html(found))


def _case(
    fit: Fit,
    data: Dataset,
    key: jax.Array,
    draws: Draws | Sequence[Draws],
    of: Callable[[Model], Any] | None,
    quantity: str,
    level: float,
    ends: tuple[str, str] | None,
    years: float,
    facts: Mapping[str, str],
) -> Case:
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a fraction strictly between 0 and 1")
    if not years > 0:
        raise ValueError(f"years={years}: a forecast runs ahead, so give a positive number")
    fitted_weights(fit, data)
    sets = (draws,) if isinstance(draws, Draws) else tuple(draws)
    if any(one.origin.stats["table"] != fit.stats["table"] for one in sets):
        raise ValueError("these draws were made around a fit of another table")
    rate: Rate | NoRate = usual_rate(fit.model, data) if of is None else Rate(of, quantity)
    return Case(
        fit=fit,
        data=data,
        draws=tuple(one for one in sets if one.ok.any()),
        refused=tuple(
            f"{one.kind}: none of {len(one)} draws is certified, so they are left out."
            for one in sets
            if not one.ok.any()
        ),
        rate=rate,
        level=level,
        ends=None if ends is None else (_row_named(data, ends[0]), _row_named(data, ends[1])),
        years=years,
        facts=facts,
        key=check_key(key),
    )


def _row_named(data: Dataset, name: str) -> int:
    found = [k for k, own in enumerate(data.row_names) if own == name]
    if len(found) != 1:
        raise ValueError(f"ends: {len(found)} rows are called '{name}'; give the name of one row")
    return found[0]


_SECTIONS: dict[str, Callable[[Case], Block | Inapplicable]] = {
    rates.TITLE: rates.rates_over_draws,
    over_time.TITLE: over_time.over_time,
    over_inputs.TITLE: over_inputs.over_inputs,
    shares.TITLE: shares.shares,
    allocation.TITLE: allocation.allocation,
    forecast.TITLE: forecast.forecast_fan,
    components.TITLE: components.parts_over_time,
    optima.TITLE: optima.optima,
    identification.TITLE: identification.identification,
    influence.TITLE: influence.influential,
    parameters.TITLE: parameters.parameters,
}


def _guarded(title: str, section: Callable[[Case], Block | Inapplicable], case: Case) -> Block | Inapplicable:
    """The section; where the fit does not allow it, the reason in its place."""
    try:
        return section(case)
    except ValueError as error:
        return Inapplicable(title, f"{str(error).rstrip('.')}.")


def _left(sections: Sequence[Block | Inapplicable]) -> Iterable[Block]:
    """What this page does not show, and why, a sentence each."""
    found = [one for one in sections if isinstance(one, Inapplicable)]
    if found:
        yield Block("left-out", "What does not apply here", tuple(f"{one.title}: {one.why}" for one in found))


def _extra(tables: Sequence[Table]) -> Iterable[Block]:
    if tables:
        yield Block("figures", "Published figures beside those found", (), tables=tuple(tables))


def _subtitle(case: Case) -> str:
    rows = int(case.used.sum())
    if "date" not in case.columns:
        return f"{case.data.labels.response}: {rows} rows, without dates"
    date = case.columns["date"][case.used]
    return f"{case.data.labels.response}: {rows} rows dated {date.min():.1f} to {date.max():.1f}"


def _doubt(case: Case) -> str | None:
    parts = (case.fit, *case.draws)
    said = [one.result.value for one in parts if one.result.name != "CONVERGED"]
    return next(iter([*said, *case.refused]), None)


def _verdict(case: Case) -> str:
    doubt = _doubt(case)
    if doubt is not None:
        return doubt
    found = case.fit.certificate
    why = case.fit.result.value.removeprefix("Converged: ")
    return f"Certified: {why} {found.starts_agreeing} of {found.starts} starts agree on the best optimum."


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, shared=True) as beside:
        beside.write_bytes(text.encode("utf-8", errors="xmlcharrefreplace"))
    return path
