"""A small table whose names try to be markup, scripts, formulas and worse, a fit of it, and its page."""

import jax
import numpy as np
import numpyro.distributions as dist
import pandas as pd

import progressfit as pf
from progressfit.report.webpage.report import page
from progressfit.terms import Constant, ExponentialProgress, LogSlope

HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "=cmd|' /C calc'!A0",
    "\"quoted\" & 'quoted' <b>bold</b>",
    "line\u2028separator\u2029and\x00control",
    "\u202egnp.exe",
    "<!--<script>",
)
ROWS, REPLICATES = 36, 40


def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    date = 2012 + 10 * np.arange(ROWS) / ROWS
    compute = 10 ** (17 + 0.4 * (date - 2012) + rng.normal(0, 0.6, ROWS))
    score = -1.0 + 0.12 * (date - 2012) + 0.15 * np.log(compute / 1e18) + rng.normal(0, 0.1, ROWS)
    names = [f"model {i}" for i in range(ROWS - len(HOSTILE))] + list(HOSTILE)
    kinds = [HOSTILE[0] if i % 3 else "plain" for i in range(ROWS)]
    return pd.DataFrame({"name": names, "date": date, "compute": compute, "score": score, "kind": kinds})


def data(frame: pd.DataFrame) -> pf.Dataset:
    roles = {"response": "score", "inputs": {"compute": "compute"}, "groups": {"kind": "kind"}}
    return pf.Dataset.from_frame(frame, **roles, date="date", label="name")


def law() -> pf.Model:
    mean = (
        Constant(dist.Normal(0, 2))
        + ExponentialProgress(dist.Normal(0, 0.5), origin=2012, channel="algorithms", augments="compute")
        + LogSlope("compute", dist.Normal(0, 0.5), reference=1e18)
    )
    return pf.Model(mean, pf.links.Identity(), pf.noise.Gaussian(dist.HalfNormal(0.5)))


def fitted() -> tuple[pf.Fit, pf.Dataset, pf.Draws]:
    runs = data(table())
    point = pf.fit(law(), runs, key=jax.random.key(0), starts=8)
    return point, runs, pf.bootstrap(point, runs, key=jax.random.key(1), replicates=REPLICATES)


def write(path, found):
    point, runs, draws = found
    facts = {"Command": "progressfit fit <b>&x", "Seed": "0"}
    return page(path, point, runs, key=jax.random.key(2), draws=draws, title=HOSTILE[0], facts=facts)
