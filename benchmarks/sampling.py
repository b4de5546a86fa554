"""Posteriors of the ImageNet law: effective draws a second against plain numpyro, blackjax, and PyMC under nutpie.

Four chains each; the peers warm up for 1,000 steps and keep 1,000, as is their default, and run on the package's model
view (numpyro), its log density (blackjax) or the published model written in PyMC (nutpie). Ours is the whole verb:
64-start fit, survey, chains, diagnosis; "first" is with compilation (of the first of our two only, because they share
their programs), "new data" another table of the same shape. numpyro compiles again for each run. One core, CPU time.

| sampler                       | progressfit.sample | ours, 1,000 draws | numpyro.MCMC.run | blackjax | nutpie + PyMC |
|-------------------------------|--------------------|-------------------|------------------|----------|---------------|
| seconds, first                | 31.6               | 3.5               | 16.8             | 8.5      | 1.4           |
| seconds, new data             | 4.64               | 2.88              | 13.5             | 3.85     | 1.52          |
| draws                         | 8000               | 4000              | 4000             | 4000     | 4000          |
| fewest effective draws        | 5193               | 2620              | 732              | 805      | 435           |
| effective a second, first     | 178                | 787               | 23               | 91.6     | 255           |
| effective a second, new data  | 1034               | 814               | 56               | 211      | 302           |
| highest R-hat                 | 1                  | 1                 | 1.01             | 1.01     | 1.02          |
| divergences                   | 0                  | 0                 | 0                | 0        | 1             |
| P(beta_year <= 0), real table | 0.0125             | 0.014             | 0.023            | 0.0092   | 0.0053        |

| target                                                         | required                  | measured   | met |
|----------------------------------------------------------------|---------------------------|------------|-----|
| posterior of new data, as many draws, against numpyro.MCMC.run | under a third of its time | 0.20 of it | yes |

Ratios of time, pair by pair: median (least to greatest)
  numpyro.MCMC.run / ours, 1,000 draws; new data: 5x (4.22 to 5.39)
  blackjax / ours, 1,000 draws; new data: 1.38x (1.34 to 1.4)
  nutpie + PyMC / ours, 1,000 draws; new data: 0.579x (0.529 to 0.63)

Conclusion: 1034 effective draws a second on new data, against 302 of the best peer (nutpie + PyMC).

Device: cpu x 1, 1 of 2 cores. python 3.12.1, jax 0.12.0.1, numpy 2.5.5, scipy 1.18.1, numpyro 0.22.0, progressfit 0.1.0

Nutpie is done first, because numba compiles this small model in a second where XLA takes half a minute for ours; from
the second posterior on ours gives three times as many effective draws a second. P(beta_year <= 0), the weight of the
second mode, is .0146 (`posterior_reference.py`); the peers' chains cross between the modes too rarely to measure it.
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
OURS, LIKE = "progressfit.sample", "ours, 1,000 draws"
NUMPYRO, BLACKJAX, NUTPIE = "numpyro.MCMC.run", "blackjax", "nutpie + PyMC"


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
        "effective a second, first": round(float(found[0] / seconds[0]), 1),
        "effective a second, new data": round(float(np.median(found[1:] / seconds[1:]))),
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
        LIKE: _samplers.ours(made, spec, draws=_samplers.DRAWS),
        NUMPYRO: _samplers.plain_numpyro(made, spec),
        BLACKJAX: _samplers.plain_blackjax(made, spec),
        NUTPIE: _samplers.nutpie(made),
    }
    runs = interleave(contenders, len(made), time.process_time)
    rows = [row(name, runs.seconds[name], runs.results[name]) for name in contenders]
    peers = (NUMPYRO, BLACKJAX, NUTPIE)
    repeat = {name: ratio(runs.seconds[name][1:], runs.seconds[LIKE][1:]) for name in peers}
    shown = {f"{name} / {LIKE}; new data": found for name, found in repeat.items()}
    asked = target(
        "posterior of new data, as many draws, against numpyro.MCMC.run",
        "under a third of its time",
        f"{1 / repeat[NUMPYRO].median:.2f} of it",
        repeat[NUMPYRO].median > 3,
    )
    best = max(rows[2:], key=lambda one: one["effective a second, new data"])
    conclusion = (
        f"{rows[0]['effective a second, new data']} effective draws a second on new data, against "
        f"{best['effective a second, new data']} of the best peer ({best['sampler']})."
    )
    show("sampling", {"samplers": rows, "targets": [asked]}, shown, conclusion, chosen.json)


if __name__ == "__main__":
    main()
