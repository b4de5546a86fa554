"""Options of ``progressfit fit``: declared, then read into a :class:`FitRequest`. Nothing numeric is loaded."""

import argparse
import difflib
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from progressfit.catalogue import LAWS
from progressfit.commands.requests import CheckRequest, FitRequest, TableRequest

GRID: Final = "grid"
LINKS: Final = ("identity", "log", "logit", "probit")
NOISES: Final = "huber:D, huber_likelihood:D, normal, student_t, student_t:DF, laplace"
RESPONSE_UNITS: Final = ("fraction", "percent", "nats", "bits", "perplexity")
_MOST = 2**63


class BadInput(ValueError):  # noqa: N818 - it names what is bad, and is no failure of the program
    """Something the user gave cannot be used: the message says what, where and how to mend it."""


# Every option may be repeated as far as argparse is concerned, so that a second value is refused, not swallowed.
_SINGLE: Final = {
    "--law": ("LAW", "name of a law; 'progressfit list' shows them (this or --spec is required)"),
    "--spec": ("FILE.toml", "a law of your own as a file, instead of --law; --out writes one"),
    "--response": ("COL", "column of measured performance; accuracies as fractions or in per cent (required)"),
    "--date": (
        "COL",
        "column of dates: YYYY-MM-DD, YYYY-MM, YYYY, decimal years; by default 'date' or 'Publication date'",
    ),
    "--cluster": ("COL", "column of papers or labs, say: the bootstrap resamples whole clusters"),
    "--noise": (
        "NOISE",
        f"{NOISES}. huber:D is the plain Huber loss with its knee at D (scale fixed at 1), huber_likelihood:D the "
        "normalised density with its knee at D free scales; student_t has 4 degrees of freedom. Default: the law's own",
    ),
    "--link": ("LINK", f"where noise is additive: {', '.join(LINKS)}. Default: the law's own"),
    "--weights": ("COL", "column of row weights, 0 or more"),
    "--response-unit": (
        "UNIT",
        f"{', '.join(RESPONSE_UNITS)}: percent is divided by 100, bits are multiplied by ln 2, of a perplexity the "
        "logarithm is taken. Default: by the name and the values of the column; what was done is said",
    ),
    "--starts": ("N", f"starts drawn from the priors (default 64), or '{GRID}' for the law's published grid"),
    "--bootstrap": ("N", "refits of resampled tables, for intervals (default 0: none)"),
    "--max-steps": ("N", "largest number of trial steps from each start (default 2000)"),
    "--level": ("P", "coverage of intervals (default 0.95)"),
    "--compute": ("FLOP", "budget for the compute-optimal allocation (default 5.76e23)"),
    "--seed": ("N", "seed of all random keys (default 0)"),
    "--out": ("DIR", "write report.html, fit.json, parameters.csv, spec.toml and the draws to this folder"),
}
_REPEATED: Final = {
    "--input": (
        "NAME=COL",
        "column of an input of the law, in natural units; by default the one of the same or a known name",
    ),
    "--input-unit": (
        "NAME=UNIT",
        "natural or log10; by default log10 if the column's name or, for compute, values say so",
    ),
    "--group": ("NAME=COL", "column of a group of the law"),
    "--fix": ("PATH=NUMBER", "fix a parameter, e.g. irreducible=1.8"),
    "--prior": ("PATH=PRIOR", "give a parameter another prior, e.g. 'irreducible=lognormal(0.5, 0.2)'"),
    "--tie": ("PATH=PATH", "let a parameter follow another one, e.g. data.exponent=size.exponent"),
    "--where": ("COL=VALUE", "use only rows with this value (true/false, a number, or text)"),
}


def add_fit_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``progressfit fit``."""
    parser.add_argument(
        "table",
        type=Path,
        metavar="TABLE",
        help="CSV or Parquet file, one row for each trained model; - reads from a pipe",
    )
    for name, (metavar, text) in _SINGLE.items():
        parser.add_argument(name, action="append", default=[], metavar=metavar, help=text)
    for name, (metavar, text) in _REPEATED.items():
        parser.add_argument(name, action="append", default=[], metavar=metavar, help=f"{text} (may be repeated)")
    parser.add_argument("--mle", action="store_true", help="maximum likelihood: priors supply starts only")
    parser.add_argument("--lenient", action="store_true", help="leave out rows that cannot be used, and say which")
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
        link=_known("link", single["--link"], LINKS),
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
        response_unit=_known("response unit", single["--response-unit"], RESPONSE_UNITS),
        input_units=pairs["--input-unit"],
        lenient=given.lenient,
        command=getattr(given, "said", ""),
    )


def read_check_options(given: argparse.Namespace) -> CheckRequest:
    """The same options, of which none is required.

    Raises
    ------
    BadInput
        With a sentence for the user.
    """
    if (given.law or given.spec) and given.response:
        fit = read_fit_options(given)
        return CheckRequest(fit.asked, fit.law, fit.spec, fit, fit.json)
    single = {name: _once(name, getattr(given, _attribute(name))) for name in _SINGLE}
    pairs = {name: _pairs(name, getattr(given, _attribute(name))) for name in _REPEATED}
    law = _law(single) if single["--law"] or single["--spec"] else None
    table = TableRequest(
        given.table,
        law or "",
        single["--response"],
        pairs["--input"],
        single["--date"],
        pairs["--group"],
        single["--cluster"],
        pairs["--where"],
        single["--weights"],
        _known("response unit", single["--response-unit"], RESPONSE_UNITS),
        pairs["--input-unit"],
        given.lenient,
    )
    spec = None if single["--spec"] is None else Path(single["--spec"])
    return CheckRequest(table, law, spec, None, given.json)


def _known(kind: str, name: str | None, known: Iterable[str]) -> str | None:
    return None if name is None else require_known(kind, name, known)


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
    raise BadInput(f"there is no {kind} '{name}'{near(name, known)}; there are: {', '.join(known) or 'none'}")


def near(name: str, known: Sequence[str]) -> str:
    """A question about the nearest known name, if any is near."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" (did you mean '{found[0]}'?)" if found else ""


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
