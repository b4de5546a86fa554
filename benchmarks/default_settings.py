"""Posteriors of the reference models with the default settings of ``pf.sample``: mixing, divergences, evidence.

Four chains of 2,000 draws after 500 steps of warm-up, three keys. "R-hat" is the highest, "effective" the fewest draws
in the bulk or the tails of any parameter. The evidence is that of the survey's importance weights, off by so many of
its own standard errors (.005 to .02 nats) from the reference of `posterior_reference.py`.

| posterior             | method | certified | R-hat | effective | diverged | leapfrogs | evidence | run s | compile s |
|-----------------------|--------|-----------|-------|-----------|----------|-----------|----------|-------|-----------|
| ImageNet              | nuts   | yes       | 1     | 5603      | 0        | 59.9      | -1.5 se  | 5.3   | 24.1      |
| ImageNet              | nuts   | yes       | 1     | 4951      | 0        | 54.3      | 0.1 se   | 4.3   | 0         |
| ImageNet              | nuts   | yes       | 1     | 5390      | 0        | 54        | 0 se     | 4.3   | 0         |
| Chinchilla, Student-t | nuts   | yes       | 1     | 7089      | 0        | 25        | 1.7 se   | 4.4   | 27.6      |
| Chinchilla, Student-t | nuts   | yes       | 1     | 6634      | 0        | 25.2      | 0.9 se   | 4.2   | 0         |
| Chinchilla, Student-t | nuts   | yes       | 1     | 6521      | 0        | 25.9      | -2.4 se  | 4.3   | 0         |
| Chinchilla, Gaussian  | nuts   | yes       | 1     | 7239      | 0        | 16.7      | 0.9 se   | 2.9   | 26.1      |
| Chinchilla, Gaussian  | nuts   | yes       | 1     | 6709      | 0        | 14.8      | 0.6 se   | 2.7   | 0         |
| Chinchilla, Gaussian  | nuts   | yes       | 1     | 7104      | 0        | 18.7      | -1.2 se  | 2.7   | 0         |
| augmented             | nuts   | yes       | 1     | 5929      | 0        | 24.6      | 1.9 se   | 2.9   | 31.7      |
| augmented             | nuts   | yes       | 1     | 6851      | 0        | 19.1      | 0.7 se   | 2.4   | 0         |
| augmented             | nuts   | yes       | 1     | 6811      | 0        | 18        | -0.4 se  | 2.6   | 0         |

| target                 | required | measured | met |
|------------------------|----------|----------|-----|
| highest R-hat          | < 1.01   | 1        | yes |
| fewest effective draws | > 400    | 4951     | yes |
| divergences            | 0        | 0        | yes |

Conclusion: 12 of 12 posteriors are certified with default settings.

Device: cpu x 1, 1 of 2 cores. python 3.12.1, jax 0.12.0.1, numpy 2.5.5, scipy 1.18.1, numpyro 0.22.0, progressfit 0.1.0
"""

import _one_core as _one_core
import _reference_models as models
import jax
import numpy as np
from _measure import Row, options, show, target

import progressfit as pf

KEYS = 3
# Log evidence by importance sampling alone, eight million draws for ImageNet and one million for the others: what
# `posterior_reference.py` prints; its errors are below .001.
EVIDENCE = {
    "ImageNet": 50.3521,
    "Chinchilla, Student-t": 856.4573,
    "Chinchilla, Gaussian": 824.1169,
    "augmented": 374.4458,
}


def row(name: str, draws: pf.Draws) -> Row:
    """One line: mixing, divergences, and how far the log evidence is off, in its own standard errors."""
    stats, found = draws.stats, draws.stats["diagnosis"]
    off = (stats["log_evidence"] - EVIDENCE[name]) / stats["log_evidence_error"]
    return {
        "posterior": name,
        "method": stats["method"],
        "certified": "yes" if draws.result is pf.RESULTS.CONVERGED else "NO",
        "R-hat": round(found.worst_rhat.value, 4),
        "effective": round(min(found.worst_ess_bulk.value, found.worst_ess_tail.value)),
        "diverged": found.divergences,
        "leapfrogs": round(float(np.mean(draws.sampler["n_steps"])), 1) if "n_steps" in draws.sampler else "",
        "evidence": f"{off:.1f} se",
        "run s": round(stats["seconds"]["run"], 1),
        "compile s": round(stats["seconds"]["compile"], 1),
    }


def main() -> None:
    chosen = options(__doc__ or "", smc="tempered sequential Monte Carlo as well")
    given = {
        "ImageNet": models.imagenet(),
        "Chinchilla, Student-t": models.chinchilla("student_t"),
        "Chinchilla, Gaussian": models.chinchilla("gaussian"),
        "augmented": models.augmented(),
    }
    rows = []
    for name, (spec, data) in given.items():
        point = None
        for turn in range(1 if chosen.quick else KEYS):
            draws = pf.sample(spec, data, key=jax.random.key(turn), point=point)
            point = draws.origin
            rows.append(row(name, draws))
        if chosen.smc:
            rows.append(row(name, pf.sample(spec, data, key=jax.random.key(0), point=point, method="smc")))
    chains = [one for one in rows if one["method"] == "nuts"]
    rhat, least = max(one["R-hat"] for one in chains), min(one["effective"] for one in chains)
    diverged = sum(one["diverged"] for one in chains)
    targets = [
        target("highest R-hat", "< 1.01", rhat, rhat < 1.01),
        target("fewest effective draws", "> 400", least, least > 400),
        target("divergences", "0", diverged, diverged == 0),
    ]
    certified = sum(one["certified"] == "yes" for one in rows)
    conclusion = f"{certified} of {len(rows)} posteriors are certified with default settings."
    show("default_settings", {"posteriors": rows, "targets": targets}, {}, conclusion, chosen.json)


if __name__ == "__main__":
    main()
