"""How long a new process takes until it can be used: imports, the command line, and the first fit.

Every line is a new process with files already in memory and JAX's compilation cache off: five rounds, three for fits.
Whole commands (``reproduce besiroglu-2024``, ``fit`` of an own table) then run with the command line's own cache of
compiled and traced programs, empty for the first process and filled for the others.

| new process                         | seconds | without the interpreter's own |
|-------------------------------------|---------|-------------------------------|
| python, nothing imported            | 0.0128  | 0                             |
| import jax                          | 0.616   | 0.603                         |
| import numpyro                      | 0.992   | 0.979                         |
| import progressfit                  | 0.0247  | 0.0115                        |
| import progressfit; progressfit.fit | 1.26    | 1.25                          |
| progressfit --version               | 0.0541  | 0.0412                        |
| progressfit --help                  | 0.0532  | 0.0403                        |
| progressfit list                    | 0.0528  | 0.0407                        |

| 64-start fit                                | seconds | traced | compiled |
|---------------------------------------------|---------|--------|----------|
| first in a process                          | 3.35    | 9      | 9        |
| second: other key                           | 0.0587  | 0      | 0        |
| third: other key, table, priors and weights | 0.0482  | 0      | 0        |

| progressfit ...            | first process, s | later ones, s |
|----------------------------|------------------|---------------|
| reproduce besiroglu-2024   | 11.5             | 4.51          |
| fit, Chinchilla, own table | 7.35             | 2.95          |

| target                                      | required | measured | met |
|---------------------------------------------|----------|----------|-----|
| reproduce besiroglu-2024, first process, s  | < 15     | 11.5     | yes |
| reproduce besiroglu-2024, second process, s | < 6      | 4.51     | yes |

Ratios of time, pair by pair: median (least to greatest)
  import jax / import progressfit: 24.8x (17.2 to 28.5)
  import numpyro / import progressfit: 41.6x (27.6 to 44.1)
  import progressfit; progressfit.fit / import numpyro: 1.3x (1.13 to 1.38)
  first fit / second fit: 54.2x (50.5 to 67.7)

Device: cpu x 1, 2 cores. python 3.12.1, jax 0.12.0.1, numpy 2.5.5, scipy 1.18.1, numpyro 0.22.0, progressfit 0.1.0

Conclusion: importing the package costs .01 s beyond the interpreter, 40 times less than ``import numpyro``, ``--help``
and ``list`` .04 s, because nothing numeric is loaded; the first verb then loads JAX and numpyro and costs a third
more than these alone. The first fit compiles for seconds; later ones, also with another table of the same length,
other priors and weights, trace and compile nothing.

Measured on a shared CPU with 2 cores whose speed changes by a third within the hour. ``reproduce besiroglu-2024`` took
11.5 to 13.2 s with an empty cache in ten runs of one hour, and 4.3 to 5.3 s with a filled one; the version before, in
turn with it, 14.0 to 15.6 and 4.6 to 5.1. In slower hours that version took up to 19.2 s. On a single core: 20 s, the
version before 25. Ratios are the message, absolute times are not. GPU: the script runs there and names the device, but
no GPU timing has been measured.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _measure import Ratio, Row, Runs, interleave, options, ratio, show, target

ROUNDS, FITS = 5, 3
PYTHON, JAX, NUMPYRO = "python, nothing imported", "import jax", "import numpyro"
PACKAGE, VERB = "import progressfit", "import progressfit; progressfit.fit"
COMMANDS = {
    PYTHON: ["-c", "pass"],
    JAX: ["-c", "import jax"],
    NUMPYRO: ["-c", "import numpyro"],
    PACKAGE: ["-c", "import progressfit"],
    VERB: ["-c", "import progressfit; progressfit.fit"],
    "progressfit --version": ["-m", "progressfit.cli", "--version"],
    "progressfit --help": ["-m", "progressfit.cli", "--help"],
    "progressfit list": ["-m", "progressfit.cli", "list"],
}

# Runs in a process of its own: three fits, and how many programs were traced and compiled for each.
FIT = """
import json, time
import jax, numpy as np
import progressfit as pf

events = []
jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: events.append(event))
law, data = pf.laws.erdil_besiroglu, pf.datasets.imagenet
calls = [
    (law(), data(), 0, None),
    (law(), data(), 1, None),
    (law(slope_sd=0.12), data("corrected"), 2, np.linspace(0.5, 1.5, 97)),
]
found = []
for spec, runs, seed, weights in calls:
    events.clear()
    begin = time.perf_counter()
    pf.fit(spec, runs, key=jax.random.key(seed), weights=weights)
    seconds = time.perf_counter() - begin
    found.append([seconds, *(sum(kind in event for event in events) for kind in ("jaxpr_trace", "backend_compile"))])
print(json.dumps(found))
"""
TABLE = """
import sys
from progressfit.datasets._chinchilla import chinchilla_table

table = chinchilla_table()
table[table["used_in_fit"]].to_csv(sys.argv[1], index=False)
"""
REPRODUCE = ["-m", "progressfit.cli", "reproduce", "besiroglu-2024", "--json"]
OWN_FIT = ["-m", "progressfit.cli", "fit", "--law", "chinchilla", "--response", "loss", "--noise", "huber:1e-3"]
OWN_FIT += ["--mle", "--input", "parameters=parameters", "--input", "data=tokens", "--json"]
CALLS = ("first in a process", "second: other key", "third: other key, table, priors and weights")


def run(command: list[str], turn: int) -> str:
    """Run the interpreter in a new process, without JAX's compilation cache, and return what it printed."""
    del turn
    quiet = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    return subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True, env=quiet).stdout


def import_rows(runs: Runs) -> list[Row]:
    bare = runs.seconds[PYTHON]
    return [
        {
            "new process": name,
            "seconds": float(np.median(seconds)),
            "without the interpreter's own": float(np.median(seconds - bare)),
        }
        for name, seconds in runs.seconds.items()
    ]


def fit_rows(processes: int) -> tuple[list[Row], Ratio]:
    """The first fits of a process, median over processes; only the first may trace and compile."""
    found = np.array([json.loads(run(["-c", FIT], turn)) for turn in range(processes)])
    seconds, events = found[..., 0], found[..., 1:].max(axis=0).astype(int).tolist()
    rows = [
        {
            "64-start fit": name,
            "seconds": float(np.median(seconds[:, k])),
            "traced": events[k][0],
            "compiled": events[k][1],
        }
        for k, name in enumerate(CALLS)
    ]
    return rows, ratio(seconds[:, 0], seconds[:, 1])


def study_rows(processes: int) -> list[Row]:
    """Whole commands, all cores: the first process with an empty cache of compiled programs, then others with it."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "chinchilla.csv"
        subprocess.run([sys.executable, "-c", TABLE, str(table)], check=True)
        commands = {"reproduce besiroglu-2024": REPRODUCE, "fit, Chinchilla, own table": [*OWN_FIT, str(table)]}
        return [_command_row(name, command, Path(folder), processes) for name, command in commands.items()]


def _command_row(name: str, command: list[str], folder: Path, processes: int) -> Row:
    cache = folder / name.split()[0]
    found = [_seconds(command, cache) for _ in range(processes)]
    row = {"progressfit ...": name, "first process, s": found[0], "later ones, s": None}
    return row if None in found else row | {"later ones, s": float(np.median(found[1:]))}


def _seconds(command: list[str], cache: Path) -> float | None:
    """Seconds of one process; none if the command is refused."""
    environment = {**os.environ, "PROGRESSFIT_CACHE": str(cache)}
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment)
    seconds = time.perf_counter() - begin
    if done.returncode in (0, 1):
        return seconds
    print(f"{' '.join(command)}: {done.stderr.strip()}", file=sys.stderr)
    return None


def targets(studies: list[Row]) -> list[Row]:
    first, later = studies[0]["first process, s"], studies[0]["later ones, s"]
    return [
        target("reproduce besiroglu-2024, first process, s", "< 15", first, first is not None and first < 15),
        target("reproduce besiroglu-2024, second process, s", "< 6", later, later is not None and later < 6),
    ]


def main() -> None:
    chosen = options(__doc__ or "")
    contenders = {name: functools.partial(run, command) for name, command in COMMANDS.items()}
    for contender in contenders.values():
        contender(0)  # files into memory, byte code written
    runs = interleave(contenders, 1 if chosen.quick else ROUNDS)
    fits, first_to_second = fit_rows(1 if chosen.quick else FITS)
    studies = study_rows(2 if chosen.quick else 3)
    seconds = runs.seconds
    ratios = {
        f"{JAX} / {PACKAGE}": ratio(seconds[JAX], seconds[PACKAGE]),
        f"{NUMPYRO} / {PACKAGE}": ratio(seconds[NUMPYRO], seconds[PACKAGE]),
        f"{VERB} / {NUMPYRO}": ratio(seconds[VERB], seconds[NUMPYRO]),
        "first fit / second fit": first_to_second,
    }
    imports = import_rows(runs)
    conclusion = (
        f"importing the package costs {imports[3]["without the interpreter's own"]:.2g} s; the first fit of a process "
        f"takes {fits[0]['seconds']:.3g} s, the second {fits[1]['seconds']:.2g} s and compiles nothing."
    )
    tables = {"processes": imports, "fits": fits, "commands": studies, "targets": targets(studies)}
    show("startup", tables, ratios, conclusion, chosen.json)


if __name__ == "__main__":
    main()
