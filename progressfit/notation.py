"""Numbers and priors as text, such as ``normal(0, 1)``: a closed list of forms, read without evaluating anything.

One table of forms serves both directions: :func:`parse_prior` reads what :func:`write_prior` writes, to the same prior.
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution, ExpandedDistribution, ImproperUniform, Independent, constraints

from progressfit import _x64 as _x64


class NotationError(ValueError):
    """Text that is not one of the known forms; the message says what is wrong and what the forms are."""


class _Argument(NamedTuple):
    """An argument of a form: its name, numpyro's name for it, and what it may be."""

    name: str
    attribute: str
    positive: bool = False
    open: bool = False


class _Form(NamedTuple):
    """A distribution and its arguments."""

    build: Callable[..., Distribution]
    arguments: tuple[_Argument, ...]


def _truncated_normal(mean: Any, sd: Any, low: Any, high: Any) -> Distribution:
    # An infinite edge is no edge, as numpyro states it.
    edges = {name: edge for name, edge in (("low", low), ("high", high)) if np.all(np.isfinite(edge))}
    return dist.TruncatedNormal(mean, sd, **edges) if edges else dist.Normal(mean, sd)


_PLACE: Final = _Argument("location", "loc")
_WIDTH: Final = _Argument("scale", "scale", positive=True)
_MEAN, _SD = _Argument("mean", "loc"), _Argument("sd", "scale", positive=True)
_RATE: Final = _Argument("rate", "rate", positive=True)
_DF: Final = _Argument("df", "df", positive=True)
_LOW, _HIGH = _Argument("low", "low"), _Argument("high", "high")

_FORMS: Final = {
    "normal": _Form(dist.Normal, (_MEAN, _SD)),
    "lognormal": _Form(dist.LogNormal, (_Argument("log_mean", "loc"), _Argument("log_sd", "scale", positive=True))),
    "half_normal": _Form(dist.HalfNormal, (_WIDTH,)),
    "half_cauchy": _Form(dist.HalfCauchy, (_WIDTH,)),
    "student_t": _Form(dist.StudentT, (_DF, _PLACE, _WIDTH)),
    "cauchy": _Form(dist.Cauchy, (_PLACE, _WIDTH)),
    "laplace": _Form(dist.Laplace, (_PLACE, _WIDTH)),
    "uniform": _Form(dist.Uniform, (_LOW, _HIGH)),
    "gamma": _Form(dist.Gamma, (_Argument("shape", "concentration", positive=True), _RATE)),
    "exponential": _Form(dist.Exponential, (_RATE,)),
    "beta": _Form(
        dist.Beta, (_Argument("a", "concentration1", positive=True), _Argument("b", "concentration0", positive=True))
    ),
    "truncated_normal": _Form(_truncated_normal, (_MEAN, _SD, _LOW._replace(open=True), _HIGH._replace(open=True))),
    "dirichlet": _Form(dist.Dirichlet, (_Argument("concentrations", "concentration", positive=True),)),
    "multivariate_normal": _Form(
        lambda mean, cholesky: dist.MultivariateNormal(mean, scale_tril=cholesky),
        (_MEAN, _Argument("cholesky", "scale_tril")),
    ),
    "flat": _Form(lambda: ImproperUniform(constraints.real, (), ()), ()),
    "flat_positive": _Form(lambda: ImproperUniform(constraints.positive, (), ()), ()),
}
_NAMES: Final = {form.build: name for name, form in _FORMS.items()}
_TRUNCATED: Final = (
    dist.TwoSidedTruncatedDistribution,
    dist.LeftTruncatedDistribution,
    dist.RightTruncatedDistribution,
)

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_CALL = re.compile(r"(\w+)\s*(?:\(([^()]*)\))?")
_COPIES: Final = " for each of "
_JOINTLY: Final = ", jointly"
_INFINITE: Final = {"inf": math.inf, "+inf": math.inf, "-inf": -math.inf}
_LONGEST, _MOST_COPIES, _MOST_DIGITS = 1_000_000, 100_000, 400
_SHOWN: Final = 80


def forms() -> str:
    """The known priors, for messages and help: ``normal(mean, sd), ...``."""
    return ", ".join(map(_usage, _FORMS))


def _usage(name: str) -> str:
    arguments = ", ".join(argument.name for argument in _FORMS[name].arguments)
    return f"{name}({arguments})" if arguments else name


def parse_number(text: str) -> float:
    """One finite number in decimal notation.

    Raises
    ------
    NotationError
        If the text is anything else, also "inf" and "nan".
    """
    found = text.strip()
    number = float(found) if len(found) <= _MOST_DIGITS and _NUMBER.fullmatch(found) else math.nan
    if not math.isfinite(number):
        raise NotationError(f"'{_short(text)}' is not a finite number; write it like 0.5 or 1e-3")
    return number


def parse_prior(text: str) -> Distribution:
    """One prior, written as a call with numbers: ``normal(0, 1)``.

    ``normal(0, 1) for each of 3`` is an array of independent ones; numbers may be lists, ``dirichlet([2, 3, 4])``.

    Raises
    ------
    NotationError
        If the form is not known, its arguments are not the right count of numbers, or they are out of range.
    """
    whole = text.strip()
    if len(whole) > _LONGEST:
        raise NotationError(f"'{_short(text)}' is too long for a prior; the longest has {_LONGEST} characters")
    alone = whole.removesuffix(_JOINTLY)
    one, each, shape = alone.partition(_COPIES)
    prior = _parse_call(one)
    if each:
        prior = prior.expand(_shape(text, shape))
    return prior.to_event(len(prior.batch_shape)) if alone != whole else prior


def _parse_call(text: str) -> Distribution:
    call = _CALL.fullmatch(text.strip())
    if call is None or (call[2] is None and call[1] in _FORMS and _FORMS[call[1]].arguments):
        raise NotationError(f"'{_short(text)}' is not a prior; write one of {forms()}, with numbers for the arguments")
    name, inside = call[1], call[2] or ""
    if name not in _FORMS:
        raise NotationError(f"there is no prior '{_short(name)}'; there are: {forms()}")
    form = _FORMS[name]
    given = list(_top_level(inside)) if inside.strip() else []
    if len(given) != len(form.arguments):
        raise NotationError(
            f"'{_short(text)}' has {len(given)} argument{'' if len(given) == 1 else 's'}, not {len(form.arguments)}; "
            f"write {_usage(name)}"
        )
    arguments = [_argument(text, what, part) for what, part in zip(form.arguments, given, strict=True)]
    _require_range(text, form, arguments)
    try:
        return form.build(*arguments)
    except (ValueError, TypeError, IndexError) as error:  # lists of shapes that do not go together
        raise NotationError(f"'{_short(text)}' is not a prior: its arguments have shapes that do not fit") from error


def _shape(text: str, given: str) -> list[int]:
    """How many copies, by axis: "3", or "2 x 3"."""
    parts = [part.strip() for part in given.split("x")]
    shape = [int(part) if part.isascii() and part.isdigit() and len(part) < 7 else 0 for part in parts]
    if not 0 < math.prod(shape) <= _MOST_COPIES:
        raise NotationError(f"'{_short(text)}': give a whole number from 1 to {_MOST_COPIES} after 'for each of'")
    return shape


def _top_level(text: str) -> Iterator[str]:
    """The parts of a text between commas that stand outside square brackets."""
    depth, begin = 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            yield text[begin:at]
            begin = at + 1
    yield text[begin:]


def _argument(text: str, argument: _Argument, part: str) -> Any:
    """A number, or an array of them from a list."""
    found = part.strip()
    if argument.open and found in _INFINITE:
        return _INFINITE[found]
    try:
        return np.asarray(_listed(found), np.float64) if found.startswith("[") else parse_number(part)
    except NotationError as error:
        raise NotationError(f"in '{_short(text)}', {error}") from None
    except ValueError:
        raise NotationError(f"in '{_short(text)}', the lists of {argument.name} differ in length") from None


def _listed(text: str, depth: int = 0) -> Any:
    if not text.startswith("["):
        return parse_number(text)
    if depth > 1 or not text.endswith("]"):
        raise NotationError(f"'{_short(text)}' is not a list of numbers, [1, 2], or of such lists")
    return [_listed(part.strip(), depth + 1) for part in _top_level(text[1:-1])]


def _require_range(text: str, form: _Form, arguments: list[Any]) -> None:
    for argument, value in zip(form.arguments, arguments, strict=True):
        if argument.positive and np.any(np.asarray(value) <= 0):
            raise NotationError(f"in '{_short(text)}', {argument.name} is {np.min(value):g}; it has to be positive")
    named = {argument.name: value for argument, value in zip(form.arguments, arguments, strict=True)}
    if "low" in named and not np.all(np.asarray(named["low"]) < np.asarray(named["high"])):
        raise NotationError(f"in '{_short(text)}', low is not below high")


def _short(text: str) -> str:
    """The text as it goes into a message: what a user typed, but not a page of it."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def write_prior(prior: Any) -> str:
    """One prior as text that :func:`parse_prior` reads back to the same prior, all digits kept.

    Raises
    ------
    NotationError
        If the notation has no form for it.
    """
    if isinstance(prior, Independent):
        return f"{_jointly(prior)}{_JOINTLY}"
    if isinstance(prior, ExpandedDistribution):
        if prior.base_dist.batch_shape != ():
            raise _unwritable(prior)
        return f"{write_prior(prior.base_dist)} for each of {' x '.join(map(str, prior.batch_shape))}"
    name = _name_of(prior)
    found = {argument: np.asarray(_attribute(prior, argument), np.float64) for argument in _FORMS[name].arguments}
    for argument, value in found.items():
        if not (np.isfinite(value).all() or (argument.open and not np.isnan(value).any())):
            raise NotationError(f"the {argument.name} of a prior {name} is not finite, so it cannot be written")
    return f"{name}({', '.join(map(_number, found.values()))})" if found else name


def _jointly(prior: Any) -> str:
    base = prior.base_dist
    if prior.reinterpreted_batch_ndims != len(base.batch_shape) or base.event_shape or isinstance(base, Independent):
        raise _unwritable(prior)
    return write_prior(base)


def _name_of(prior: Any) -> str:
    if isinstance(prior, _TRUNCATED) and type(prior.base_dist) is dist.Normal:
        return "truncated_normal"
    if isinstance(prior, ImproperUniform) and prior.batch_shape == () == prior.event_shape:
        support = getattr(prior.support, "base_constraint", prior.support)
        for name, known in {"flat": constraints.real, "flat_positive": constraints.positive}.items():
            if support == known:
                return name
    if isinstance(prior, dist.MultivariateNormal):
        return "multivariate_normal"
    if type(prior) not in _NAMES:
        raise _unwritable(prior)
    return _NAMES[type(prior)]


def _attribute(prior: Any, argument: _Argument) -> Any:
    if argument.open:
        return getattr(prior, argument.attribute, -math.inf if argument.name == "low" else math.inf)
    return getattr(prior.base_dist if isinstance(prior, _TRUNCATED) else prior, argument.attribute)


def _unwritable(prior: Any) -> NotationError:
    return NotationError(
        f"the prior {type(prior).__name__} has no form in the notation; there are: {forms()}, also 'for each of N'"
    )


def _number(found: np.ndarray) -> str:
    """All digits of a number, or a list of them."""
    return repr(float(found)) if found.ndim == 0 else str(found.tolist())
