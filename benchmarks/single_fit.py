"""One fit from one start: progressfit against SciPy and lmfit, and what compiling costs before the first.

From the second certified start of two NIST sets, plain least squares, and from Hoffmann's own parameters for the
Chinchilla law with Huber losses. Ours is the whole verb: checks, fit, certificate, identification. All on one core,
in turn; the others with their defaults, and parameter scaling by the Jacobian where there is such a setting.
"excess": of the objective over the certified or published least.

| problem      | method                             | ms a fit, warm | first fit, s | relative excess |
|--------------|------------------------------------|----------------|--------------|-----------------|
| NIST MGH17   | progressfit.fit                    | 5.69           | 2.26         | -3e-12          |
| NIST MGH17   | progressfit.fit of 64 starts, each | 0.213          | -            | -3e-12          |
| NIST MGH17   | SciPy curve_fit                    | 0.929          | 0.0011       | -3e-12          |
| NIST MGH17   | SciPy least_squares                | 4.69           | 0.0052       | -3e-12          |
| NIST MGH17   | lmfit                              | 2.98           | 0.00468      | 3e-12           |
| NIST Thurber | progressfit.fit                    | 7.35           | 2.21         | -6e-12          |
| NIST Thurber | progressfit.fit of 64 starts, each | 0.21           | -            | -6e-12          |
| NIST Thurber | SciPy curve_fit                    | 1.6            | 0.00159      | 3e-09           |
| NIST Thurber | SciPy least_squares                | 5.13           | 0.00491      | 7e-09           |
| NIST Thurber | lmfit                              | 4.71           | 0.00553      | 2e-09           |
| Chinchilla   | progressfit.fit                    | 7.95           | 3.18         | 6e-13           |
| Chinchilla   | progressfit.fit of 64 starts, each | 0.276          | -            | 6e-13           |
| Chinchilla   | SciPy least_squares                | 3.32           | 0.0035       | 1e-11           |
| Chinchilla   | lmfit                              | 4.93           | 0.00522      | 1e-11           |

Ratios of time, pair by pair: median (least to greatest)
  NIST MGH17: progressfit.fit of 64 starts, each / progressfit.fit: 0.0375x (0.0314 to 0.0406)
  NIST MGH17: SciPy curve_fit / progressfit.fit: 0.158x (0.146 to 0.203)
  NIST MGH17: SciPy least_squares / progressfit.fit: 0.8x (0.719 to 0.977)
  NIST MGH17: lmfit / progressfit.fit: 0.539x (0.498 to 0.866)
  NIST Thurber: progressfit.fit of 64 starts, each / progressfit.fit: 0.0289x (0.0213 to 0.0326)
  NIST Thurber: SciPy curve_fit / progressfit.fit: 0.22x (0.152 to 0.284)
  NIST Thurber: SciPy least_squares / progressfit.fit: 0.717x (0.501 to 1.03)
  NIST Thurber: lmfit / progressfit.fit: 0.657x (0.469 to 0.827)
  Chinchilla: progressfit.fit of 64 starts, each / progressfit.fit: 0.0346x (0.0335 to 0.037)
  Chinchilla: SciPy least_squares / progressfit.fit: 0.42x (0.406 to 0.468)
  Chinchilla: lmfit / progressfit.fit: 0.623x (0.588 to 0.653)

Conclusion: one warm fit with its certificate: NIST MGH17 5.69 ms (0.213 in a batch, 2.3 s to compile) against 4.69 for
least_squares and 2.98 for lmfit; NIST Thurber 7.35 ms (0.21 in a batch, 2.2 s to compile) against 5.13 for
least_squares and 4.71 for lmfit; Chinchilla 7.95 ms (0.276 in a batch, 3.2 s to compile) against 3.32 for
least_squares and 4.93 for lmfit.

Device: cpu x 1, 1 of 2 cores. python 3.12.1, jax 0.12.0.1, numpy 2.5.5, scipy 1.18.1, numpyro 0.22.0, progressfit
0.1.0, lmfit 1.3.4

Measured on one core of a shared CPU with 2, other work on it: CPU time, ratios are the message. GPU: the script runs
there and names the device, but no GPU timing has been measured.
"""

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import _chinchilla as law
import _one_core as _one_core
import lmfit
import numpy as np
from _measure import Ratio, Row, interleave, options, ratio, show
from scipy.optimize import curve_fit, least_squares

import progressfit as pf

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import nist

MANY = "progressfit.fit of 64 starts, each"
STARTS = 64
OURS, CURVE_FIT, LEAST_SQUARES, LMFIT = "progressfit.fit", "SciPy curve_fit", "SciPy least_squares", "lmfit"
SETS = ("MGH17", "Thurber")
REPEATS = 10


class Problem(NamedTuple):
    """A problem: contenders by name, each of which returns its parameters, the objective of these, and the least."""

    name: str
    contenders: dict[str, Callable[[int], np.ndarray]]
    objective: Callable[[np.ndarray], float]
    least: float


def mgh17(x: np.ndarray, *b: float) -> np.ndarray:
    return b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4])


def thurber(x: np.ndarray, *b: float) -> np.ndarray:
    return (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (1 + x * (b[4] + x * (b[5] + x * b[6])))


FUNCTIONS = {"MGH17": mgh17, "Thurber": thurber}


def nist_problem(name: str) -> Problem:
    """A set of the NIST reference problems from its second certified start, plain least squares for all."""
    certified, function = nist.problems()[name], FUNCTIONS[name]
    y, x = np.array(certified["data"]).T
    start = np.array(certified["start2"])

    def residuals(b: np.ndarray) -> np.ndarray:
        return function(x, *b) - y

    spec, runs = nist.spec(name, 0.0), nist.dataset(name)

    def ours(turn: int, count: int = 1) -> np.ndarray:
        del turn
        starts = {path: np.full(count, value) for path, value in zip(nist.names(name), start, strict=True)}
        found = pf.fit(spec, runs, starts=starts, objective="mle")
        return np.array([float(found.parameters[path]) for path in nist.names(name)])

    contenders = {
        OURS: ours,
        MANY: functools.partial(ours, count=STARTS),
        CURVE_FIT: lambda turn: curve_fit(function, x, y, start)[0],
        LEAST_SQUARES: lambda turn: least_squares(residuals, start, x_scale="jac").x,
        LMFIT: lambda turn: by_lmfit(residuals, start),
    }
    return Problem(f"NIST {name}", contenders, lambda b: float(np.sum(residuals(b) ** 2)), certified["certified_rss"])


def by_lmfit(residuals: Callable[[np.ndarray], np.ndarray], start: np.ndarray, **settings: Any) -> np.ndarray:
    """Minimise with lmfit's defaults, standard errors included."""
    parameters = lmfit.Parameters()
    for k, value in enumerate(start):
        parameters.add(f"b{k}", value=value)
    found: Any = lmfit.minimize(lambda p: residuals(np.array([p[name].value for name in p])), parameters, **settings)
    return np.array([one.value for one in found.params.values()])


def chinchilla_problem() -> Problem:
    """The 240 rows from Hoffmann's own parameters, Huber loss for all."""
    runs, spec = pf.datasets.chinchilla(), pf.laws.chinchilla()
    columns, table = law.columns(runs), law.table(runs)
    robust: dict[str, Any] = {"loss": "huber", "f_scale": law.DELTA, "x_scale": "jac"}

    def residuals(p: np.ndarray) -> np.ndarray:
        size, data = np.exp(p[0] - p[3] * table.size), np.exp(p[1] - p[4] * table.data)
        return table.loss - np.log(size + data + np.exp(p[2]))

    def ours(turn: int, count: int = 1) -> np.ndarray:
        del turn
        starts = law.our_starts(np.tile(law.HOFFMANN, (count, 1)))
        return pf.fit(spec, runs, starts=starts, objective="mle").optima[0].z[law.FROM_OURS]

    contenders = {
        OURS: ours,
        MANY: functools.partial(ours, count=STARTS),
        LEAST_SQUARES: lambda turn: least_squares(residuals, law.HOFFMANN, **robust).x,
        LMFIT: lambda turn: by_lmfit(residuals, law.HOFFMANN, method="least_squares", **robust),
    }
    return Problem("Chinchilla", contenders, lambda p: float(law.published(p, columns)), law.OPTIMUM)


def first_call(problem: Problem) -> float:
    """Seconds of the first fit of a process, which compiles."""
    begin = time.perf_counter()
    problem.contenders[OURS](0)
    return time.perf_counter() - begin


def measure(problem: Problem, repeats: int) -> tuple[list[Row], dict[str, Ratio]]:
    first = first_call(problem)
    problem.contenders[MANY](0)
    runs = interleave(problem.contenders, repeats, time.process_time)
    runs.seconds[MANY] /= STARTS
    rows = [
        {
            "problem": problem.name,
            "method": name,
            "ms a fit, warm": 1e3 * float(np.median(seconds)),
            "first fit, s": first if name == OURS else None if name == MANY else float(seconds[0]),
            "relative excess": f"{problem.objective(runs.results[name][-1]) / problem.least - 1:.0e}",
        }
        for name, seconds in runs.seconds.items()
    ]
    ratios = {
        f"{problem.name}: {name} / {OURS}": ratio(runs.seconds[name], runs.seconds[OURS])
        for name in runs.seconds
        if name != OURS
    }
    return rows, ratios


def compare(problem: Problem, rows: list[Row]) -> str:
    warm = {row["method"]: row["ms a fit, warm"] for row in rows if row["problem"] == problem.name}
    first = next(row["first fit, s"] for row in rows if row["problem"] == problem.name)
    return (
        f"{problem.name} {warm[OURS]:.3g} ms ({warm[MANY]:.3g} in a batch, {first:.2g} s to compile) against "
        f"{warm[LEAST_SQUARES]:.3g} for least_squares and {warm[LMFIT]:.3g} for lmfit"
    )


def main() -> None:
    chosen = options(__doc__ or "")
    problems = [*map(nist_problem, SETS), chinchilla_problem()]
    measured = [measure(problem, 3 if chosen.quick else REPEATS) for problem in problems]
    rows = [row for part, _ in measured for row in part]
    ratios = functools.reduce(lambda all_, part: all_ | part[1], measured, {})
    conclusion = f"one warm fit with its certificate: {'; '.join(compare(one, rows) for one in problems)}."
    show("single_fit", {"fits": rows}, ratios, conclusion, chosen.json)


if __name__ == "__main__":
    main()
