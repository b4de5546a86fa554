"""Posteriors of the ImageNet law: effective draws a second against plain numpyro, blackjax, and PyMC under nutpie.

PLACEHOLDER
"""

import time

import _one_core as _one_core
import _samplers
import jax
import numpy as np
from _measure import Row, interleave, options, ratio, show, target
from arviz_stats.base.array import array_stats

import progressfit as pf

ROUNDS = 4
OURS, NUMPYRO, BLACKJAX, NUTPIE = "progressfit.sample", "numpyro.MCMC.run", "blackjax", "nutpie + PyMC"


def tables(rounds: int) -> list[pf.Dataset]:
    """The published table, then tables simulated from its best fit: new data of the same shape."""
    real = pf.datasets.imagenet()
    point = pf.fit(pf.laws.erdil_besiroglu(), real, key=jax.random.key(0))
    keys = jax.random.split(jax.random.key(1), rounds - 1)
    return [real, *(real.with_response(np.asarray(point.model.simulate(real.records, key))) for key in keys)]


def effective(z: np.ndarray) -> float:
    """The fewest effective draws in the bulk of any parameter."""
    return min(float(array_stats.ess(z[..., k], chain_axis=0, draw_axis=1)) for k in range(z.shape[-1]))


def row(name: str, seconds: np.ndarray, drawn: list[_samplers.Drawn]) -> Row:
    """One line: what the first posterior costs, what the next ones cost, and what was got for it."""
    found = np.array([effective(one.z) for one in drawn])
    warm = float(np.median(seconds[1:]))
    rhat = max(float(array_stats.rhat(one.z[..., k], chain_axis=0, draw_axis=1)) for one in drawn for k in range(7))
    return {
        "sampler": name,
        "seconds, first": round(float(seconds[0]), 1),
        "seconds, new data": round(warm, 2),
        "draws": int(np.prod(drawn[0].z.shape[:2])),
        "fewest effective draws": round(float(np.median(found))),
        "effective draws a second, first": round(float(found[0] / seconds[0]), 1),
        "effective draws a second, new data": round(float(np.median(found[1:] / seconds[1:]))),
        "highest R-hat": round(rhat, 3),
        "divergences": sum(one.divergences for one in drawn),
        "P(beta_year <= 0), real table": round(float(np.mean(drawn[0].z[..., 1] <= 0)), 4),
    }


def main() -> None:
    chosen = options(__doc__ or "")
    made = tables(2 if chosen.quick else ROUNDS)
    spec = pf.prepare(pf.laws.erdil_besiroglu(), made[0])
    jax.clear_caches()
    contenders = {
        OURS: _samplers.ours(made, spec),
        NUMPYRO: _samplers.plain_numpyro(made, spec),
        BLACKJAX: _samplers.plain_blackjax(made, spec),
        NUTPIE: _samplers.nutpie(made),
    }
    runs = interleave(contenders, len(made), time.process_time)
    rows = [row(name, runs.seconds[name], runs.results[name]) for name in contenders]
    repeat = {name: ratio(runs.seconds[name][1:], runs.seconds[OURS][1:]) for name in contenders if name != OURS}
    shown = {f"{name} / {OURS}, new data": found for name, found in repeat.items()}
    asked = target(
        "posterior of new data, against numpyro.MCMC.run",
        "under a third of its time",
        f"{1 / repeat[NUMPYRO].median:.2f} of it",
        repeat[NUMPYRO].median > 3,
    )
    best = max(rows[1:], key=lambda one: one["effective draws a second, new data"])
    conclusion = (
        f"{rows[0]['effective draws a second, new data']} effective draws a second on new data, against "
        f"{best['effective draws a second, new data']} of the best peer ({best['sampler']})."
    )
    show("sampling", {"samplers": rows, "targets": [asked]}, shown, conclusion, chosen.json)


if __name__ == "__main__":
    main()
