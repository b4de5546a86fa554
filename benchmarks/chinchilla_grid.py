"""Fit the Chinchilla law from Hoffmann's 4,500 starts: progressfit against SciPy, optax and optimistix.

The objective is the published one, a sum of Huber losses over 240 rows; contenders take turns, on one core. Ours is
the whole verb with its certificate and does all 4,500 starts in each round; the others do 150 of them, a random
sample without repetition (``--full``: all). SciPy runs as in the replication (arXiv 2404.10102): NumPy, gradient by
finite differences, default settings. The libraries' optimisers are one jitted loop over the starts each, with exact
derivatives, a tolerance of 1e-12, at most 2,000 steps, and centred covariates, with which they do better; those for
least squares get signed roots of the losses. "ms" are for a start, and for one that reached the optimum (within 1e-6,
relative); "wrong" are successes reported elsewhere.

| method                      | starts | % reached | ms   | ms reached | best objective  | % success | % wrong | steps |
|-----------------------------|--------|-----------|------|------------|-----------------|-----------|---------|-------|
| progressfit.fit             | 4500   | 100       | 0.43 | 0.43       | 0.0010182740178 | 100       | 0       | 34    |
| the same, no start moved    | 4500   | 93.6      | 0.57 | 0.61       | 0.0010182740178 | 93.6      | 0       | 39    |
| SciPy L-BFGS-B, differences | 450    | 6         | 13.2 | 219        | 0.0010182740487 | 100       | 94      | 36.5  |
| optax L-BFGS                | 450    | 69.6      | 7.46 | 10.7       | 0.0010182740178 | 100       | 30.4    | 135   |
| optimistix BFGS             | 450    | 17.6      | 3.56 | 20.3       | 0.0010182740178 | 85.6      | 68      | 124   |
| optimistix LM               | 450    | 100       | 3.89 | 3.89       | 0.0010182740178 | 100       | 0       | 216   |
| optimistix Dogleg           | 450    | 30.9      | 13.9 | 45.1       | 0.0010182740178 | 31.8      | 6.89    | 2e+03 |

| 245 points | published  | found      |
|------------|------------|------------|
| objective  | 0.00182601 | 0.00182601 |
| A          | 495.7      | 495.726    |
| B          | 12845.4    | 12845.6    |
| E          | 1.89134    | 1.89134    |
| alpha      | 0.34931    | 0.349313   |
| beta       | 0.45305    | 0.453049   |

| target                                 | required        | measured        | met |
|----------------------------------------|-----------------|-----------------|-----|
| best objective                         | <= .00101827402 | 0.0010182740178 | yes |
| % of starts within 1e-6                | >= 95           | 100             | yes |
| times faster a start than SciPy        | >= 20           | 30.4            | yes |
| times less time a start that got there | >= 200          | 507             | yes |
| peak memory, GiB                       | < 1             | 0.56            | yes |

Ratios of time, pair by pair: median (least to greatest)
  the same, no start moved / progressfit.fit, a start: 1.34x (1.1 to 1.36)
  SciPy L-BFGS-B, differences / progressfit.fit, a start: 30.4x (28.7 to 33.7)
  optax L-BFGS / progressfit.fit, a start: 17.6x (13 to 22.2)
  optimistix BFGS / progressfit.fit, a start: 8.39x (7.7 to 9.02)
  optimistix LM / progressfit.fit, a start: 9x (8.05 to 10.7)
  optimistix Dogleg / progressfit.fit, a start: 32.8x (30.3 to 33)

Conclusion: 100.0% of our starts end in the optimum (93.6% if none is moved), 6.0% of SciPy's; a start is 30.4 times
faster, and one that gets there 507 times.

Device: cpu x 1, 1 of 2 cores. python 3.12.1, jax 0.12.0.1, numpy 2.5.5, scipy 1.18.1, numpyro 0.22.0, progressfit
0.1.0, optax 0.2.8, optimistix 0.1.0

Measured on one core of a shared CPU with 2: CPU time, ratios are the message; another run gave 27.0 times SciPy. GPU:
the script runs there and names the device, but no GPU timing has been measured.
"""

import functools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import _chinchilla as law
import _libraries as libraries
import _one_core as _one_core
import _ours
import numpy as np
from _libraries import Ends
from _measure import Row, Runs, interleave, options, ratio, show, target

import progressfit as pf

OURS, UNMOVED, SCIPY = "progressfit.fit", "the same, no start moved", "SciPy L-BFGS-B, differences"
# Name -> method, and whether it takes residuals. All get centred covariates, with which they do best.
LIBRARIES = {
    "optax L-BFGS": (libraries.lbfgs, False),
    "optimistix BFGS": (libraries.bfgs, False),
    "optimistix LM": (libraries.levenberg_marquardt, True),
    "optimistix Dogleg": (libraries.dogleg, True),
}
SHARE, PER_FOUND = "% reached", "ms reached"
REACHED = 1e-6  # relative in the objective
ALL_ROWS = {"objective": 0.00182601, "A": 495.7, "B": 12845.4, "E": 1.89134, "alpha": 0.34931, "beta": 0.45305}

# Runs in a process of its own: the whole grid, from the import on.
MEMORY = """
import resource, sys
sys.path.insert(0, sys.argv[1])
import _chinchilla as law
import progressfit as pf
pf.fit(pf.laws.chinchilla(), pf.datasets.chinchilla(), starts=law.our_starts(law.grid()), objective="mle")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


class Problem(NamedTuple):
    """What the contenders share; ``samples`` are the starts ``(rounds, starts, 5)`` of those that do not do all."""

    runs: pf.Dataset
    spec: pf.Model
    ours: np.ndarray
    samples: np.ndarray


def problem(chosen: Any) -> Problem:
    rounds, each, own = (1, 4500, 4500) if chosen.full else (1, 20, 450) if chosen.quick else (3, 150, 4500)
    order, grid = np.random.default_rng(0).permutation(4500), law.grid()
    ours, order = grid[order[:own]], order[: rounds * each]
    return Problem(pf.datasets.chinchilla(), pf.laws.chinchilla(), ours, grid[order].reshape(rounds, each, 5))


def ours(given: Problem, turn: int, revive: bool) -> pf.Fit:
    del turn
    starts = law.our_starts(given.ours)
    return pf.fit(given.spec, given.runs, starts=starts, objective="mle", revive=revive)


def scipy(given: Problem, turn: int) -> Ends:
    columns = law.columns(given.runs)
    found = [law.finite_differences(start, columns) for start in given.samples[turn]]
    return Ends(*(np.array([one[key] for one in found]) for key in ("x", "fun", "success", "nit")))


def library(given: Problem, turn: int, method: Any, least_squares: bool) -> Ends:
    table, means = law.centred(law.table(given.runs))
    starts = law.centre(given.samples[turn], means)
    return libraries.run(method, law.objective, law.root_losses if least_squares else None, starts, table)


def contenders(given: Problem) -> dict[str, Callable[[int], Any]]:
    found: dict[str, Callable[[int], Any]] = {
        OURS: functools.partial(ours, given, revive=True),
        UNMOVED: functools.partial(ours, given, revive=False),
        SCIPY: functools.partial(scipy, given),
    }
    return found | {
        name: functools.partial(library, given, method=method, least_squares=least_squares)
        for name, (method, least_squares) in LIBRARIES.items()
    }


def pooled(found: list[Ends]) -> Ends:
    return Ends(*(np.concatenate(part) for part in zip(*found, strict=True)))


def row(name: str, seconds: np.ndarray, ends: Ends) -> Row:
    """One line of the table; ``seconds`` are for each start, round by round."""
    value, success = np.asarray(ends.value), np.asarray(ends.success)
    reached = value <= law.OPTIMUM * (1 + REACHED)
    each = 1e3 * float(np.median(seconds))
    return {
        "method": name,
        "starts": len(value),
        SHARE: percent(np.mean(reached)),
        "ms": each,
        PER_FOUND: each / float(np.mean(reached)) if reached.any() else None,
        "best objective": f"{np.nanmin(value):.13f}",
        "% success": percent(np.mean(success)),
        "% wrong": percent(np.mean(success & ~reached)),
        "steps": float(np.median(ends.steps)),
    }


def percent(share: Any) -> float:
    return round(100 * float(share), 2)


def speed(given: Problem, runs: Runs) -> tuple[list[Row], dict[str, np.ndarray]]:
    points = given.ours[:, law.TO_OURS]
    judged = {
        name: _ours.ends(given.spec, given.runs, points, "mle", revive)[0]
        for name, revive in {OURS: True, UNMOVED: False}.items()
    }
    judged |= {name: pooled(runs.results[name]) for name in runs.results if name not in judged}
    each = {name: seconds / _counts(given, name) for name, seconds in runs.seconds.items()}
    return [row(name, each[name], judged[name]) for name in runs.seconds], each


def _counts(given: Problem, name: str) -> int:
    return len(given.ours) if name in (OURS, UNMOVED) else given.samples.shape[1]


def all_rows(given: Problem) -> list[Row]:
    """The fit of all 245 points beside its published optimum."""
    fit = pf.fit(given.spec, pf.datasets.chinchilla("all"), starts=law.our_starts(given.ours), objective="mle")
    values = {letter: float(fit.parameters[path]) for letter, path in law.LETTERS.items()}
    found = {"objective": fit.optima[0].loss, **values}
    return [
        {"245 points": name, "published": f"{ALL_ROWS[name]:.6g}", "found": f"{found[name]:.6g}"} for name in ALL_ROWS
    ]


def peak_memory() -> float:
    """Peak memory of a new process that fits the whole grid, in GiB; imports and compilation included."""
    command = [sys.executable, "-c", MEMORY, str(Path(__file__).parent)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(printed) / 2**20


def targets(rows: list[Row], each: dict[str, np.ndarray]) -> list[Row]:
    by_name = {one["method"]: one for one in rows}
    mine, theirs, memory = by_name[OURS], by_name[SCIPY], peak_memory()
    faster = float(np.median(each[SCIPY] / each[OURS]))
    share, best = mine[SHARE], mine["best objective"]
    # None of a small sample of SciPy's starts may have got there.
    found = theirs[PER_FOUND] / mine[PER_FOUND] if theirs[PER_FOUND] else None
    return [
        target("best objective", "<= .00101827402", best, float(best) <= 0.00101827402),
        target("% of starts within 1e-6", ">= 95", share, share >= 95),
        target("times faster a start than SciPy", ">= 20", faster, faster >= 20),
        target("times less time a start that got there", ">= 200", found, found is None or found >= 200),
        target("peak memory, GiB", "< 1", memory, memory < 1),
    ]


def conclude(rows: list[Row], checks: list[Row]) -> str:
    mine, unmoved, theirs = (one[SHARE] for one in rows[:3])
    found = checks[3]["measured"]
    return (
        f"{mine}% of our starts end in the optimum ({unmoved}% if none is moved), {theirs}% of SciPy's; a start is "
        f"{checks[2]['measured']:.3g} times faster, and one that gets there "
        f"{'none of the sample did' if found is None else f'{found:.3g} times'}."
    )


def main() -> None:
    chosen = options(__doc__ or "", full="SciPy and the libraries from all 4,500 starts as well (ten minutes)")
    given = problem(chosen)
    found = contenders(given)
    for name, contender in found.items():
        if name != SCIPY:
            contender(0)
    runs = interleave(found, len(given.samples), time.process_time)
    rows, each = speed(given, runs)
    ratios = {f"{name} / {OURS}, a start": ratio(each[name], each[OURS]) for name in each if name != OURS}
    checks = targets(rows, each)
    tables = {"starts": rows, "all": all_rows(given), "targets": checks}
    show("chinchilla_grid", tables, ratios, conclude(rows, checks), chosen.json)


if __name__ == "__main__":
    main()
