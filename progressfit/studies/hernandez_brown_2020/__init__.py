"""Hernandez and Brown 2020: how the compute that a fixed level of performance takes has shrunk."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from progressfit.analysis.influence import LeftOut, leave_out
from progressfit.dataset import Dataset
from progressfit.datasets import efficiency, efficiency_table
from progressfit.growth import doubling_interval, doubling_time, duration
from progressfit.infer.clock import Clock
from progressfit.infer.describe import certificate_sentences
from progressfit.infer.optimise import fit
from progressfit.infer.result import Fit
from progressfit.laws import hernandez_brown
from progressfit.picture import Curve, CurvesPicture, Picture
from progressfit.studies.base import Quantity, Say, Study, StudyResult, Wanted, doubt_about, sectioned
from progressfit.studies.hernandez_brown_2020 import published

NAME = "hernandez-brown-2020"
_RATE, _STARTS, _MEAN_PARAMETERS = "decline.rate", 16, 2
_YEAR = "natural log units per year"


class Ends(NamedTuple):
    """First and last run of one target: factor between their FLOP, the factor as listed, years between, months."""

    names: tuple[str, str]
    factor: float
    listed: float
    years: float
    months: float


class Evidence(NamedTuple):
    """Fits of AlexNet's level with dates as listed and of the papers, one run left out, and the ends of each target."""

    data: Dataset
    fits: dict[str, Fit]
    without: LeftOut
    ends: dict[str, dict[str, Ends]]
    factors: float


def run(wanted: Wanted, say: Say) -> StudyResult:
    """Run the study; see :class:`progressfit.studies.base.Study`."""
    clock = Clock()
    say("least squares of the six runs at AlexNet's level")
    found = _gather(jax.random.key(wanted.seed))
    point = found.fits["published"]
    return StudyResult(
        study=NAME,
        title=published.CITATION,
        n=len(found.data),
        answer=tuple(_answer(found)),
        data=found.data,
        fit=point,
        draws=(),
        doubt=doubt_about(*found.fits.values()),
        certificate=tuple(certificate_sentences(point)),
        quantities=sectioned(_PARTS, found),
        tables=_tables(found),
        pictures={"compute": _picture(found)},
        seconds=clock.seconds(),
    )


def _gather(key: jax.Array) -> Evidence:
    law, tables = hernandez_brown(), {name: efficiency(published.TARGET, name) for name in ("published", "corrected")}
    fits = {name: fit(law, data, key=key, starts=_STARTS, objective="mle") for name, data in tables.items()}
    table: Any = efficiency_table()
    ends = {
        target: {name: _ends(efficiency(target, name), rows) for name in ("published", "corrected")}
        for target, rows in table.groupby("target", sort=False)
    }
    rows = table[table["target"] == published.TARGET]
    slope = np.polyfit(rows["decimal_year"], np.log(rows["reduction_factor"]), 1)[0]
    data = tables["published"]
    return Evidence(data, fits, leave_out(fits["published"], data, _RATE), ends, float(doubling_time(slope)))


def _ends(data: Dataset, rows: Any) -> Ends:
    date, flop = np.asarray(data.records.columns["date"]), np.asarray(data.response)
    factor, years = float(flop[0] / flop[-1]), float(date[-1] - date[0])
    names = (data.labels.rows[0], data.labels.rows[-1])
    listed = float(rows["reduction_factor"].iloc[-1])
    return Ends(names, factor, listed, years, float(doubling_time(np.log(factor) / years)))


def _rate(point: Fit) -> float:
    return float(point.parameters[_RATE])


def rate_interval(point: Fit, level: float = published.LEVEL) -> tuple[float, float]:
    """Classical interval of the rate from six points: Student's t with four degrees of freedom."""
    quantile = student_quantile((1 + level) / 2)
    error = float(point.stderr("gauss-newton", ddof=_MEAN_PARAMETERS)[_RATE])
    return _rate(point) - quantile * error, _rate(point) + quantile * error


def student_quantile(p: float) -> float:
    """Quantile of Student's t with four degrees of freedom, in closed form (Shaw 2006, J. Comp. Finance 9(4):37)."""
    root = np.sqrt(4 * p * (1 - p))
    return float(np.sign(p - 0.5) * 2 * np.sqrt(np.cos(np.arccos(root) / 3) / root - 1))


def _answer(found: Evidence) -> list[str]:
    point, ends = found.fits["published"], found.ends[published.TARGET]["published"]
    low, high = rate_interval(point)
    months = doubling_time(found.without.value)
    fast, slow = int(np.argmin(months)), int(np.argmax(months))
    corrected = float(doubling_time(_rate(found.fits["corrected"])))
    others = [
        f"{target} {one['published'].factor:.3g}x in {one['published'].years:.1f} years"
        for target, one in found.ends.items()
        if target != published.TARGET
    ]
    return [
        f"{ends.names[1]} reaches AlexNet's level with {ends.factor:.1f} times less training compute than "
        f"{ends.names[0]}, {ends.years:.1f} years later. By least squares on all {len(found.data)} runs the compute "
        f"needed halves every {duration(float(doubling_time(_rate(point))))} ({published.LEVEL:.0%} interval, "
        f"Student's t: {doubling_interval(low, high).text}); between the first and the last run every "
        f"{duration(ends.months)}.",
        f"With the dates of the papers it halves every {duration(corrected)}. Leaving out one run gives "
        f"{duration(float(months[fast]))} (without {found.without.names[fast]}) to {duration(float(months[slow]))} "
        f"(without {found.without.names[slow]}).",
        f"Two runs each on other targets, as listed: {', '.join(others)}.",
    ]


def _alexnet(found: Evidence) -> Iterator[Quantity]:
    point, ends = found.fits["published"], found.ends[published.TARGET]["published"]
    table: Any = efficiency_table()
    flop = {name: float(table.loc[table["model"] == name, "training_flop"].iloc[0]) for name in published.ROUNDING}
    spread = sum(by * published.FLOP_PER_DAY / flop[name] for name, by in published.ROUNDING.items())
    yield Quantity(
        "reduction",
        ends.factor,
        published.REDUCTION,
        spread * ends.factor,
        "x",
        why="ratio of the listed FLOP, which are rounded; the tolerance is what rounding allows",
    )
    low, high = rate_interval(point)
    common = {"unit": "months", "kind": "Student's t, 4 degrees of freedom", "level": published.LEVEL}
    months = (float(doubling_time(high)), float(doubling_time(low))) if low > 0 else None
    rate = _rate(point)
    yield Quantity("rate", rate, unit=_YEAR, interval=(low, high), kind=common["kind"], level=published.LEVEL)
    yield Quantity(
        "doubling_months",
        float(doubling_time(rate)),
        published.DOUBLING_MONTHS,
        0.5,
        interval=months,
        why="published to the month",
        **common,
    )
    exact = {"tolerance": published.MONTHS_TOLERANCE, "unit": "months"}
    yield Quantity("doubling_months_exact", float(doubling_time(rate)), published.LEAST_SQUARES_MONTHS, **exact)
    yield Quantity("doubling_months_ends", ends.months, published.END_POINT_MONTHS, **exact)
    yield Quantity(
        "doubling_months_factors", found.factors, unit="months", why="least squares of the rounded factors as listed"
    )
    date, flops = np.asarray(found.data.records.columns["date"]), np.log(np.asarray(found.data.response))
    yield Quantity("correlation", float(np.corrcoef(date, flops)[0, 1]), published.CORRELATION, 5e-4)


def _corrected(found: Evidence) -> Iterator[Quantity]:
    value = float(doubling_time(_rate(found.fits["corrected"])))
    yield Quantity(
        "doubling_months/corrected", value, published.CORRECTED_MONTHS, published.MONTHS_TOLERANCE, unit="months"
    )
    ends = found.ends[published.TARGET]["corrected"]
    yield Quantity("doubling_months_ends/corrected", ends.months, unit="months")


def _left_out(found: Evidence) -> Iterator[Quantity]:
    for name, value in zip(found.without.names, found.without.value, strict=True):
        yield Quantity(f"doubling_months/without {name}", float(doubling_time(value)), unit="months")


def _others(found: Evidence) -> Iterator[Quantity]:
    for target, both in found.ends.items():
        if target == published.TARGET:
            continue
        one = both["published"]
        close = abs(one.factor - one.listed) <= 0.5
        why = "" if close else "the listed factor is not the ratio of the listed FLOP"
        yield Quantity(f"reduction/{target}", one.factor, one.listed, 0.5, "x", why=why)
        for name, ends in both.items():
            yield Quantity(
                f"doubling_months/{target}/{name}", ends.months, unit="months", why=f"two runs, {name} dates, no error"
            )


_PARTS = {
    "Compute to AlexNet's level (79.1% top-5)": _alexnet,
    "With the dates of the papers": _corrected,
    "One run left out": _left_out,
    "Other targets, two runs each": _others,
}


def _tables(found: Evidence) -> dict[str, Sequence[dict[str, Any]]]:
    model, data = found.fits["published"].model, found.data
    predicted = np.asarray(model.predict(data.records))
    return {
        "runs": [
            {"model": name, "date": float(date), "training_flop": float(flop), "fitted_flop": float(fitted)}
            | {"doubling_months_without": float(doubling_time(rate)), "certified_without": bool(ok)}
            for name, date, flop, fitted, rate, ok in zip(
                data.labels.rows,
                data.records.columns["date"],
                data.response,
                predicted,
                found.without.value,
                found.without.ok,
                strict=True,
            )
        ],
        "targets": [
            {"target": target, "dates": name, "first": ends.names[0], "last": ends.names[1], "factor": ends.factor}
            | {"factor_listed": ends.listed, "years": ends.years, "doubling_months": ends.months}
            for target, both in found.ends.items()
            for name, ends in both.items()
        ],
    }


def _picture(found: Evidence) -> Picture:
    date = np.asarray(found.data.records.columns["date"])
    years = np.linspace(2012.0, 2021.0, 37)
    inside = (years >= date.min()) & (years <= date.max())
    curves = []
    for name, label in {"published": "least squares, dates as listed", "corrected": "dates of the papers"}.items():
        line = np.asarray(found.fits[name].model.predict(found.data.record(date=years)))
        curves.append(Curve(label, years, line, inside))
    return CurvesPicture(
        title="Training compute that reaches AlexNet's level",
        x_label="date",
        y_label="training compute (FLOP)",
        curves=tuple(curves),
        x=date,
        y=np.asarray(found.data.response),
        shade=date,
        shade_label="date as listed",
        log_y=True,
        note="dashed beyond the dates of the runs",
    )


STUDY = Study(NAME, published.CITATION, run)
