"""Everything the study computes: fits, replicates and what is mapped over them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.scipy.special import logit

from progressfit.analysis.attribution import compute_equivalent_gain, shapley
from progressfit.analysis.threshold import ThresholdReading, threshold_readings
from progressfit.dataset import Dataset, Record
from progressfit.datasets import imagenet
from progressfit.growth import growth_rate
from progressfit.infer.bootstrap import bootstrap
from progressfit.infer.laplace import laplace
from progressfit.infer.optimise import fit
from progressfit.infer.result import Draws, Fit
from progressfit.infer.sample import sample
from progressfit.laws import erdil_besiroglu, linear
from progressfit.model import Model
from progressfit.studies.erdil_besiroglu_2022 import published

STARTS = 64
WINDOW = np.arange(2012.0, 2023.0)


class Evidence(NamedTuple):
    """Fits and draws of the study; rates in natural log units per year, one per draw."""

    data: Dataset
    point: Fit
    rows: Draws
    one_start: Draws
    papers: Draws
    laplace: Draws
    baseline: Fit
    conventions: dict[str, tuple[Dataset, Fit]]
    thresholds: dict[float, ThresholdReading]
    posterior: Draws | None
    marginals: dict[str, np.ndarray]
    rates: dict[str, np.ndarray]
    shares: dict[str, Any]
    shares_rows: dict[str, Any]
    gains: dict[str, tuple[float, float]]


def endpoints() -> dict[str, Record]:
    """The models between which progress is attributed."""
    return {
        name: Record.of(date=date, data=images, compute=flop)
        for name, (date, images, flop) in published.ENDPOINTS.items()
    }


def all_shares(model: Model) -> dict[str, Any]:
    """Shapley shares of accuracy for every published pair: "A -> B" -> player -> share."""
    at = endpoints()
    return {f"{a} -> {b}": shapley(model, at[a], at[b], players=published.PLAYERS).shares for a, b in published.SHAPLEY}


def marginals_of(draws: Draws) -> dict[str, np.ndarray]:
    """Draws of the study's figures by the names the study gives them."""

    def figures(model: Model) -> dict[str, Any]:
        shares = {
            f"shapley/{pair}/{player}": share
            for pair, own in all_shares(model).items()
            for player, share in own.items()
        }
        accuracy = {f"accuracy/{name}": model.mean.value(record) for name, record in endpoints().items()}
        return {"rate": growth_rate(model), **shares, **accuracy}

    found = {name: np.asarray(values) for name, values in draws.map(figures).items()}
    return found | {name: np.asarray(draws.values[figure.path]) for name, figure in published.PARAMETERS.items()}


def _gains(model: Model) -> dict[str, tuple[float, float]]:
    at = endpoints()
    pairs = {name: (at["AlexNet"], at[name]) for name in published.GAINS}
    return {
        name: (
            float(compute_equivalent_gain(model, *pair, of=logit)),
            float(compute_equivalent_gain(model, *pair)),
        )
        for name, pair in pairs.items()
    }


def gather(seed: int, replicates: int, sampling: bool, say: Callable[[str], None]) -> Evidence:
    """Run every fit and replicate of the study, and draw from its posterior if ``sampling``."""
    purposes = ("fit", "rows", "papers", "laplace", "baseline", "other")
    keys = dict(zip(purposes, jax.random.split(jax.random.key(seed), len(purposes)), strict=True))
    data, spec = imagenet(), erdil_besiroglu()
    say(f"fit: {len(data)} models, {STARTS} starts")
    point = fit(spec, data, key=keys["fit"], starts=STARTS)
    say(f"bootstrap: {replicates} replicates each by rows, by rows from the best optimum alone, and by papers")
    rows = bootstrap(point, data, key=keys["rows"], replicates=replicates)
    one_start = bootstrap(point, data, key=keys["rows"], replicates=replicates, starts="best")
    papers = bootstrap(point, data, key=keys["papers"], replicates=replicates, kind="clusters")
    approximate = laplace(point, data, key=keys["laplace"], draws=4 * replicates)
    posterior = None
    if sampling:
        say("posterior: no-U-turn chains from both optima and from the prior")
        posterior = sample(spec, data, key=jax.random.fold_in(keys["fit"], 1), point=point)
    say("linear baseline; other conventions of the table; thresholds")
    references = {"compute": 1.0, "parameters": 1.0, "data": 1.0}
    baseline = fit(linear(references), data, key=keys["baseline"], starts=8, objective="mle")
    tables = {name: imagenet(name) for name in ("corrected", "recounted")}
    conventions = {name: (table, fit(spec, table, key=keys["other"], starts=STARTS)) for name, table in tables.items()}
    images = Record.of(data=published.COMMON_DATA)
    readings = threshold_readings(point.model, tuple(published.THRESHOLDS), images, WINDOW)
    thresholds = {reading.level: reading for reading in readings}
    say("attribution: Shapley values over all replicates")
    draws = {"rows": rows, "one_start": one_start, "papers": papers, "laplace": approximate}
    sampled = {} if posterior is None else {"posterior": posterior}
    return Evidence(
        data=data,
        point=point,
        **draws,
        posterior=posterior,
        marginals={} if posterior is None else marginals_of(posterior),
        baseline=baseline,
        conventions={"published": (data, point), **conventions},
        thresholds=thresholds,
        rates={name: np.asarray(found.map(growth_rate))[found.ok] for name, found in (draws | sampled).items()},
        shares=point.map(all_shares),
        shares_rows=jax.tree.map(lambda share: np.asarray(share)[rows.ok], rows.map(all_shares)),
        gains=point.map(_gains),
    )
