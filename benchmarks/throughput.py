"""Log likelihood and gradient from 100 to a million rows: progressfit against NumPy and the machine's exp().

The Chinchilla law with normal noise on synthetic rows, all weighted. "functions": transcendental functions of a
column in our program: three exponentials and a logarithm. "share": of the limit that as many calls of a jitted ``exp``
of a column would set, each written out, measured in turn with it; "exp()", "NumPy" and "ns a row" are times for a row.
NumPy's expression is fused by hand. Both have the logarithms of the columns taken beforehand, ours by ``LogDensity``.

| configuration            | rows    | us       | ns a row | NumPy | exp() | functions | share | x NumPy |
|--------------------------|---------|----------|----------|-------|-------|-----------|-------|---------|
| one core                 | 100     | 41.3     | 413      | 153   | 71.3  | 4         | 0.691 | 0.37    |
| one core                 | 1000    | 48       | 48       | 24.2  | 7.49  | 4         | 0.624 | 0.505   |
| one core                 | 10000   | 99.9     | 9.99     | 8.62  | 1.59  | 4         | 0.635 | 0.863   |
| one core                 | 100000  | 644      | 6.44     | 7.36  | 1.03  | 4         | 0.637 | 1.14    |
| one core                 | 1000000 | 7.59e+03 | 7.59     | 12.6  | 1.01  | 4         | 0.533 | 1.66    |
| all cores, one device    | 100     | 40.5     | 405      | 153   | 73.3  | 4         | 0.724 | 0.378   |
| all cores, one device    | 1000    | 46.2     | 46.2     | 23.5  | 7.55  | 4         | 0.653 | 0.507   |
| all cores, one device    | 10000   | 102      | 10.2     | 8.48  | 1.6   | 4         | 0.627 | 0.833   |
| all cores, one device    | 100000  | 648      | 6.48     | 7.33  | 1.04  | 4         | 0.641 | 1.13    |
| all cores, one device    | 1000000 | 7.48e+03 | 7.48     | 11.5  | 0.943 | 4         | 0.504 | 1.54    |
| all cores, a device each | 100     | 65.6     | 656      | 151   | 73.7  | 4         | 0.449 | 0.23    |
| all cores, a device each | 1000    | 148      | 148      | 23.5  | 7.64  | 4         | 0.207 | 0.159   |
| all cores, a device each | 10000   | 119      | 11.9     | 8.76  | 1.64  | 4         | 0.551 | 0.736   |
| all cores, a device each | 100000  | 1.42e+03 | 14.2     | 7.4   | 2.41  | 4         | 0.681 | 0.522   |
| all cores, a device each | 1000000 | 8.75e+03 | 8.75     | 11.7  | 1.19  | 4         | 0.544 | 1.34    |

| target                                                  | required  | measured | met |
|---------------------------------------------------------|-----------|----------|-----|
| share of the exp() limit from 1e4 rows on, least        | >= .5     | 0.504    | yes |
| slope of log time on log rows, one core                 | .9 to 1.1 | 0.94     | yes |
| slope of log time on log rows, all cores, one device    | .9 to 1.1 | 0.933    | yes |
| slope of log time on log rows, all cores, a device each | .9 to 1.1 | 0.933    | yes |

Conclusion: on one core and 1000000 rows a row takes 7.59 ns: 53% of the limit that 4 times exp() set, 1.7 times the
speed of NumPy.

Device: cpu x 1, 2 of 2 cores. python 3.12.1, jax 0.12.0.1, numpy 2.5.5, scipy 1.18.1, numpyro 0.22.0, progressfit
0.1.0

Measured on a shared CPU with 2 cores; CPU time on one core, elapsed time on all. GPU: the script
runs there and names the device, but no GPU timing has been measured.
"""

import functools
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import _one_thread as _one_thread
import numpy as np
from _measure import Row, interleave, options, show, target

# What stands for a transcendental function of a block of rows in the program as JAX sees it: the package's own two.
TRANSCENDENTAL = r"custom_jvp_call\[\s*name=(exp_below_one|log)\b"
SIZES, QUICK = (100, 1_000, 10_000, 100_000, 1_000_000), (100, 1_000, 10_000)
OURS, NUMPY, EXP = "progressfit", "NumPy, fused by hand", "exp() of a column"
ONE_CORE, ALL_CORES, ALL_DEVICES = "one core", "all cores, one device", "all cores, a device each"


def measure_here(configuration: str, sizes: tuple[int, ...], rounds: int) -> list[dict[str, Any]]:
    """Seconds of each contender for each number of rows, in this process, which has not started JAX yet."""
    if configuration == ONE_CORE:
        import _one_core as _one_core
    import jax
    from _measure import cores

    jax.config.update("jax_num_cpu_devices", cores() if configuration == ALL_DEVICES else 1)
    # On one core the time that the process is given is what a machine without other work would take.
    clock = time.process_time if configuration == ONE_CORE else time.perf_counter
    return [_measure_size(n, rounds, clock) for n in sizes]


def _measure_size(n: int, rounds: int, clock: Callable[[], float]) -> dict[str, Any]:
    contenders, counted = _contenders(n)
    repeats = {name: _repeats(contender) for name, contender in contenders.items()}
    looped = {name: functools.partial(_loop, contender, repeats[name]) for name, contender in contenders.items()}
    runs = interleave(looped, rounds, clock)
    seconds = {name: float(np.median(runs.seconds[name])) / repeats[name] for name in contenders}
    return {"rows": n, "seconds": seconds, "transcendentals": counted}


def _repeats(contender: Callable[[], Any]) -> int:
    """How many calls take a fiftieth of a second."""
    contender()
    begin = time.perf_counter()
    contender()
    return max(1, int(0.02 / (time.perf_counter() - begin)))


def _loop(contender: Callable[[], Any], repeats: int, turn: int) -> None:
    del turn
    for _ in range(repeats):
        contender()


def _contenders(n: int) -> tuple[dict[str, Callable[[], Any]], int]:
    """Finished work of each contender, and transcendental functions a row in our compiled program."""
    import _chinchilla as law
    import jax
    import jax.numpy as jnp
    from jax.sharding import NamedSharding
    from jax.sharding import PartitionSpec as P

    import progressfit as pf

    runs, spec = synthetic(n), pf.laws.chinchilla(pf.noise.Gaussian(0.1))
    density = pf.LogDensity(pf.prepare(spec, runs), runs, prior_weight=0.0)
    z = jnp.asarray([*np.log([480.0, 2100.0, 1.8]), 0.35, 0.37])[jnp.asarray(np.argsort(law.FROM_OURS))]
    exp, numbers = jax.jit(jnp.exp), np.log(np.asarray(runs.response))
    # As many numbers as rows, spread over the devices in the same way.
    over = density.known[0].sharding
    whole = isinstance(over, NamedSharding) and n % jax.device_count() == 0
    numbers = jax.device_put(numbers, NamedSharding(over.mesh, P(*over.mesh.axis_names)) if whole else None)
    table, p = law.table(runs), np.asarray(z)[law.FROM_OURS]
    _require_same(density(z), fused(p, table), law.FROM_OURS)
    counted = re.findall(TRANSCENDENTAL, str(jax.make_jaxpr(lambda own, v: own(v))(density, z)))
    return {
        OURS: lambda: jax.block_until_ready(density(z)),
        NUMPY: lambda: fused(p, table),
        EXP: lambda: jax.block_until_ready(exp(numbers)),
    }, len(counted)


def synthetic(n: int) -> Any:
    """A table of ``n`` models in the range of the Chinchilla runs."""
    import progressfit as pf

    rng = np.random.default_rng(0)
    size, data = np.exp(rng.uniform(np.log(4e7), np.log(2e10), n)), np.exp(rng.uniform(np.log(2e8), np.log(2e12), n))
    loss = (480 * size**-0.35 + 2100 * data**-0.37 + 1.8) * np.exp(0.05 * rng.normal(size=n))
    import pandas as pd

    frame = pd.DataFrame({"size": size, "tokens": data, "loss": loss})
    return pf.Dataset.from_frame(frame, response="loss", inputs={"parameters": "size", "data": "tokens"})


def fused(p: np.ndarray, table: Any) -> tuple[float, np.ndarray]:
    """The same in NumPy with the gradient written out, logarithms of the columns taken beforehand: no term twice."""
    size, data, constant = np.exp(p[0] - p[3] * table.size), np.exp(p[1] - p[4] * table.data), np.exp(p[2])
    total = size + data + constant
    residual = (table.loss - np.log(total)) / 0.1
    value = -0.5 * residual @ residual - len(residual) * (np.log(0.1) + 0.5 * np.log(2 * np.pi))
    pull = residual / (0.1 * total)
    of_size, of_data = pull * size, pull * data
    slopes = of_size.sum(), of_data.sum(), constant * pull.sum(), -of_size @ table.size, -of_data @ table.data
    return float(value), np.array(slopes)


def _require_same(ours: Any, theirs: tuple[float, np.ndarray], order: np.ndarray) -> None:
    gradient = np.asarray(ours[1])[order]
    size = np.max(np.abs(theirs[1]))
    if not np.isclose(float(ours[0]), theirs[0], rtol=1e-9) or not np.allclose(gradient, theirs[1], atol=1e-9 * size):
        raise AssertionError(f"the two likelihoods differ: {ours}, {theirs}")


def measure(configuration: str, chosen: Any) -> list[dict[str, Any]]:
    """The same in a process of its own."""
    flags = ["--quick"] if chosen.quick else []
    command = [sys.executable, __file__, "--child", configuration, *flags]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def rows(configuration: str, found: list[dict[str, Any]]) -> list[Row]:
    return [
        {
            "configuration": configuration,
            "rows": one["rows"],
            "us": 1e6 * one["seconds"][OURS],
            "ns a row": 1e9 * one["seconds"][OURS] / one["rows"],
            "NumPy": 1e9 * one["seconds"][NUMPY] / one["rows"],
            "exp()": 1e9 * one["seconds"][EXP] / one["rows"],
            "functions": one["transcendentals"],
            "share": one["transcendentals"] * one["seconds"][EXP] / one["seconds"][OURS],
            "x NumPy": one["seconds"][NUMPY] / one["seconds"][OURS],
        }
        for one in found
    ]


def slope(found: list[dict[str, Any]]) -> float | None:
    """Slope of log time on log rows from 1e4 rows on; 1 is linear."""
    large = [one for one in found if one["rows"] >= 10_000]
    if len(large) < 2:
        return None
    sizes, seconds = (
        np.log([get(one) for one in large]) for get in (lambda o: o["rows"], lambda o: o["seconds"][OURS])
    )
    return float(np.polyfit(sizes, seconds, 1)[0])


def targets(table: list[Row], slopes: dict[str, float | None]) -> list[Row]:
    shares = [one["share"] for one in table if one["rows"] >= 10_000]
    checks = [target("share of the exp() limit from 1e4 rows on, least", ">= .5", min(shares), min(shares) >= 0.5)]
    return checks + [
        target(f"slope of log time on log rows, {name}", ".9 to 1.1", value, 0.9 <= value <= 1.1)
        for name, value in slopes.items()
        if value is not None
    ]


def main() -> None:
    if "--child" in sys.argv:
        configuration, quick = sys.argv[2], "--quick" in sys.argv
        print(json.dumps(measure_here(configuration, QUICK if quick else SIZES, 3 if quick else 9)))
        return
    chosen = options(__doc__ or "")
    found = {name: measure(name, chosen) for name in (ONE_CORE, ALL_CORES, ALL_DEVICES)}
    table = [row for name, one in found.items() for row in rows(name, one)]
    slopes = {name: slope(one) for name, one in found.items()}
    checks = targets(table, slopes)
    last = table[len(found[ONE_CORE]) - 1]
    share, count, speed = (last[key] for key in ("share", "functions", "x NumPy"))
    conclusion = (
        f"on one core and {last['rows']} rows a row takes {last['ns a row']:.3g} ns: {share:.0%} of the limit that "
        f"{count} times exp() set, {speed:.2g} times the speed of NumPy."
    )
    show("throughput", {"throughput": table, "targets": checks}, {}, conclusion, chosen.json)


if __name__ == "__main__":
    main()
