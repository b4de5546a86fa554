"""Coverage of the share of progress that carries over to a re-test, on simulated tables with a planted share.

160 networks of 40 papers, which share a quality; compute grows with the date and is listed with an error of .25 in
log10, as stated. Progress on the benchmark is .1 logits a year; one re-test shows all of it, one three tenths, and each
has a slope of its own. The interval is that of ``pf.overlearning(...)[test].share_interval()``, from 199 tables of
resampled papers; "corrected" takes the errors of compute off, "as listed" does not.

| compute   | re-test | true share | mean share | count | 95%   | MC error | width |
|-----------|---------|------------|------------|-------|-------|----------|-------|
| corrected | honest  | 1          | 1          | 48    | 0.979 | 0.0206   | 0.111 |
| corrected | gamed   | 0.3        | 0.296      | 48    | 0.938 | 0.0349   | 0.176 |
| as listed | honest  | 1          | 1          | 48    | 0.979 | 0.0206   | 0.102 |
| as listed | gamed   | 0.3        | 0.343      | 48    | 0.792 | 0.0586   | 0.148 |

| target                                        | required | measured | met |
|-----------------------------------------------|----------|----------|-----|
| corrected, smallest coverage of 95% intervals | > 0.85   | 0.938    | yes |

Conclusion: coverage of 95% intervals of the share, errors of compute corrected 94% to 98%, as listed 79% to 98%.

So: errors of compute left in lend the trend what belongs to compute, and the interval of the gamed test then misses the
truth in one table of five; with the correction it is wider by a fifth and holds it.

Device: cpu x 2, 2 of 2 cores. python 3.12.1, jax 0.12.0.1, numpy 2.5.5, scipy 1.18.1, numpyro 0.22.0, progressfit 0.1.0
"""

import functools
from collections.abc import Iterator

import _one_thread as _one_thread
import jax
import numpy as np
from _measure import Row, options, show, target

import progressfit as pf
from progressfit.startup import start_jax

TABLES, REPLICATES, NETWORKS, PAPERS = 48, 199, 160, 40
TREND, SLOPE, ERROR = 0.10, 0.12, 0.25
# Test -> level, slope ratio, share of the trend that carries over.
PLANTED = {"main": (0.5, 1.0, 1.0), "honest": (-0.5, 1.5, 1.0), "gamed": (0.8, 0.7, 0.3)}
KINDS = {"corrected": "log10_sd", "as listed": None}


def simulate(seed: int) -> pf.Dataset:
    """One table in long form."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    paper = np.arange(NETWORKS) % PAPERS
    date = 2014 + rng.uniform(0, 8, PAPERS)[paper] + rng.uniform(0, 1, NETWORKS)
    compute = 45 + 0.5 * (date - 2018) + rng.normal(0, 1.5, NETWORKS)
    quality = rng.normal(0, 0.05, PAPERS)[paper] + rng.normal(0, 0.05, NETWORKS)
    listed = np.exp(compute + np.log(10) * ERROR * rng.normal(size=NETWORKS))
    common = {"network": [f"n{i}" for i in range(NETWORKS)], "paper": paper, "date": date, "flop": listed, "sd": ERROR}
    parts = []
    for test, (level, ratio, share) in PLANTED.items():
        ability = SLOPE * (compute - 45) + share * TREND * (date - 2018) + quality
        score = 1 / (1 + np.exp(-level - ratio * ability - rng.normal(0, 0.03, NETWORKS)))
        parts.append(pd.DataFrame(common | {"test": test, "score": score}))
    return pf.Dataset.from_frame(
        pd.concat(parts, ignore_index=True),
        response="score",
        inputs={"compute": "flop"},
        covariates={"log10_sd": "sd"},
        date="date",
        groups={"test": "test"},
        cluster="paper",
        label="network",
    )


def rows(count: int, replicates: int) -> Iterator[Row]:
    """Coverage, mean estimate and median width for each re-test, with the correction and without."""
    ask = functools.partial(pf.overlearning, reference="main", others=(), replicates=replicates)
    tables = [simulate(seed) for seed in range(count)]
    for kind, sd in KINDS.items():
        found = [ask(table, key=jax.random.key(k), sd=sd) for k, table in enumerate(tables)]
        for test in ("honest", "gamed"):
            truth = PLANTED[test][2]
            low, high = np.array([one[test].share_interval() for one in found]).T
            held = float(np.mean((low <= truth) & (truth <= high)))
            yield {
                "compute": kind,
                "re-test": test,
                "true share": truth,
                "mean share": float(np.mean([one[test].share().value for one in found])),
                "count": count,
                "95%": held,
                "MC error": float(np.sqrt(max(held * (1 - held), 0.25 / count) / count)),
                "width": float(np.median(high - low)),
            }


def conclude(found: list[Row]) -> str:
    """Range of the coverage of each kind."""
    said = []
    for kind in KINDS:
        shares = [row["95%"] for row in found if row["compute"] == kind]
        said.append(f"{kind} {min(shares):.0%} to {max(shares):.0%}")
    return f"coverage of 95% intervals of the share, errors of compute {', '.join(said)}."


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__ or "")
    start_jax(print)
    found = list(rows(*((4, 39) if chosen.quick else (TABLES, REPLICATES))))
    worst = min(row["95%"] for row in found if row["compute"] == "corrected")
    wanted = [target("corrected, smallest coverage of 95% intervals", "> 0.85", worst, worst > 0.85)]
    show("retest_shares", {"coverage": found, "targets": wanted}, {}, conclude(found), chosen.json)


if __name__ == "__main__":
    main()
