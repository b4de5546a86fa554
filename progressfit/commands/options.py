"""Options of ``progressfit fit``: declared, then read into a :class:`FitRequest`. Nothing numeric is loaded."""

import argparse
import dataclasses
import difflib
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from progressfit.catalogue import LAWS

GRID: Final = "grid"
LINKS: Final = ("identity", "log", "logit", "probit")
NOISES: Final = "huber:D, huber_likelihood:D, normal, student_t, student_t:DF, laplace"
_MOST = 2**63


class BadInput(ValueError):  # noqa: N818 - it names what is bad, and is no failure of the program
    """Something the user gave cannot be used: the message says what, where and how to mend it."""


@dataclasses.dataclass(frozen=True)
class FitRequest:
    """What ``progressfit fit`` was asked to do.

    Pairs are kept as dictionaries: name in the law -> column, path -> text, column -> text. ``starts`` is a number or
    "grid"; ``bootstrap`` is 0 where none was asked for; ``compute`` is a budget in FLOP; ``model`` is what the file
    ``spec`` holds, once it is read.
    """

    table: Path
    law: str
    spec: Path | None
    response: str
    inputs: dict[str, str]
    date: str | None
    groups: dict[str, str]
    cluster: str | None
    noise: str | None
    link: str | None
    mle: bool
    fix: dict[str, str]
    prior: dict[str, str]
    tie: dict[str, str]
    where: dict[str, str]
    weights: str | None
    starts: int | str
    bootstrap: int
    sample: bool
    max_steps: int
    level: float
    compute: float
    seed: int
    json: bool
    out: Path | None
    model: Any = None


# Every option may be repeated as far as argparse is concerned, so that a second value is refused, not swallowed.
_SINGLE: Final = {
    "--law": ("LAW", "name of a law; 'progressfit list' shows them (this or --spec is required)"),
    "--spec": ("FILE.toml", "a law of your own as a file, instead of --law; --out writes one"),
    "--response": ("COL", "column of measured performance; fractions for accuracies and errors (required)"),
    "--date": ("COL", "column of ISO dates or decimal years; by default the one named 'date', if the law reads dates"),
    "--cluster": ("COL", "column of papers or labs, say: the bootstrap resamples whole clusters"),
    "--noise": (
        "NOISE",
        f"{NOISES}. huber:D is the plain Huber loss with its knee at D (scale fixed at 1), huber_likelihood:D the "
        "normalised density with its knee at D free scales; student_t has 4 degrees of freedom. Default: the law's own",
    ),
    "--link": ("LINK", f"where noise is additive: {', '.join(LINKS)}. Default: the law's own"),
    "--weights": ("COL", "column of row weights, 0 or more"),
    "--starts": ("N", f"starts drawn from the priors (default 64), or '{GRID}' for the law's published grid"),
    "--bootstrap": ("N", "refits of resampled tables, for intervals (default 0: none)"),
    "--max-steps": ("N", "largest number of trial steps from each start (default 2000)"),
    "--level": ("P", "coverage of intervals (default 0.95)"),
    "--compute": ("FLOP", "budget for the compute-optimal allocation (default 5.76e23)"),
    "--seed": ("N", "seed of all random keys (default 0)"),
    "--out": ("DIR", "write fit.json, parameters.csv, spec.toml and the draws to this folder"),
}
_REPEATED: Final = {
    "--input": ("NAME=COL", "column of an input of the law, in natural units; by default the one of the same name"),
    "--group": ("NAME=COL", "column of a group of the law"),
    "--fix": ("PATH=NUMBER", "fix a parameter, e.g. irreducible=1.8"),
    "--prior": ("PATH=PRIOR", "give a parameter another prior, e.g. 'irreducible=lognormal(0.5, 0.2)'"),
    "--tie": ("PATH=PATH", "let a parameter follow another one, e.g. data.exponent=size.exponent"),
    "--where": ("COL=VALUE", "use only rows with this value (true/false, a number, or text)"),
}


def add_fit_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``progressfit fit``."""
    parser.add_argument("table", type=Path, metavar="TABLE.csv", help="one row for each trained model, with a header")
    for name, (metavar, text) in _SINGLE.items():
        parser.add_argument(name, action="append", default=[], metavar=metavar, help=text)
    for name, (metavar, text) in _REPEATED.items():
        parser.add_argument(name, action="append", default=[], metavar=metavar, help=f"{text} (may be repeated)")
    parser.add_argument("--mle", action="store_true", help="maximum likelihood: priors supply starts only")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--sample", action="store_true", help="draw from the posterior, for intervals")


def read_fit_options(given: argparse.Namespace) -> FitRequest:
    """Check what can be checked without the table, and turn text into values.

    Raises
    ------
    BadInput
        With a sentence for the user.
    """
    single = {name: _once(name, getattr(given, _attribute(name))) for name in _SINGLE}
    pairs = {name: _pairs(name, getattr(given, _attribute(name))) for name in _REPEATED}
    _require_apart(pairs)
    _require_one_spread(given, single["--bootstrap"])
    if single["--link"] is not None:
        require_known("link", single["--link"], LINKS)
    return FitRequest(
        table=given.table,
        law=_law(single),
        spec=None if single["--spec"] is None else Path(single["--spec"]),
        response=_required("--response", single),
        inputs=pairs["--input"],
        date=single["--date"],
        groups=pairs["--group"],
        cluster=single["--cluster"],
        noise=single["--noise"],
        link=single["--link"],
        mle=given.mle,
        fix=pairs["--fix"],
        prior=pairs["--prior"],
        tie=pairs["--tie"],
        where=pairs["--where"],
        weights=single["--weights"],
        starts=GRID if single["--starts"] == GRID else _whole("--starts", single["--starts"], 64, least=1),
        bootstrap=_whole("--bootstrap", single["--bootstrap"], 0, least=0),
        sample=given.sample,
        max_steps=_whole("--max-steps", single["--max-steps"], 2000, least=1),
        level=_real("--level", single["--level"], 0.95, lambda x: 0 < x < 1, "a fraction strictly between 0 and 1"),
        compute=_real("--compute", single["--compute"], 5.76e23, lambda x: x > 0, "a positive number of FLOP"),
        seed=_whole("--seed", single["--seed"], 0, least=0),
        json=given.json,
        out=None if single["--out"] is None else Path(single["--out"]),
    )


def require_known(kind: str, name: str, known: Iterable[str]) -> str:
    """The name, if it is one of the known ones.

    Raises
    ------
    BadInput
        With the nearest known name, and all of them.
    """
    known = list(known)
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    raise BadInput(f"there is no {kind} '{name}'{hint}; there are: {', '.join(known) or 'none'}")


def _law(single: dict[str, str | None]) -> str:
    """Name of a law; that of a spec is the name that its file gives it, or else the stem of the file's."""
    if single["--spec"] is None:
        if single["--law"] is None:
            raise BadInput("--law is missing; give --law LAW, or --spec FILE.toml for a law of your own")
        return require_known("law", single["--law"], LAWS)
    if single["--law"] is not None:
        raise BadInput("--law and --spec both say what to fit; give one of them (a spec file may name a law)")
    return Path(single["--spec"]).stem


def _require_apart(pairs: dict[str, dict[str, str]]) -> None:
    for one, other in itertools.combinations(("--fix", "--prior", "--tie"), 2):
        both = [path for path in pairs[one] if path in pairs[other]]
        if both:
            raise BadInput(f"'{both[0]}' is given to both {one} and {other}; a parameter is either fixed, free or tied")


def _require_one_spread(given: argparse.Namespace, replicates: str | None) -> None:
    if given.sample and given.mle:
        raise BadInput("--sample draws from a posterior, which needs priors; leave out --mle, or use --bootstrap N")
    if given.sample and replicates is not None:
        raise BadInput("--sample and --bootstrap both give intervals, of different kinds; give one of them")


def _attribute(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def _once(option: str, values: Sequence[str]) -> str | None:
    if len(values) > 1:
        raise BadInput(f"{option} is given {len(values)} times ({', '.join(values)}); give it once")
    if values and not values[0].strip():
        raise BadInput(f"{option} is empty; give a value or leave the option out")
    return values[0] if values else None


def _required(option: str, single: dict[str, str | None]) -> str:
    value = single[option]
    if value is None:
        raise BadInput(f"{option} is missing; give {option} {_SINGLE[option][0]}")
    return value


def _pairs(option: str, values: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in values:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise BadInput(f"{option} '{text}' is not of the form {_REPEATED[option][0]}")
        if name in found:
            raise BadInput(f"{option} names '{name}' twice ('{found[name]}' and '{value}'); give it once")
        found[name] = value
    return found


def _whole(option: str, text: str | None, default: int, least: int) -> int:
    if text is None:
        return default
    digits = text.strip().removeprefix("+")
    # The length is checked first: very long digits are slow to convert.
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else -1
    if not least <= number < _MOST:
        other = f", or '{GRID}'" if option == "--starts" else ""
        raise BadInput(f"{option} '{text}' is not a whole number from {least} up{other}")
    return number


def _real(option: str, text: str | None, default: float, fits: Callable[[float], bool], what: str) -> float:
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and fits(number)):
        raise BadInput(f"{option} '{text}' is not {what}")
    return number
