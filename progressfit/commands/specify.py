"""From the options of ``progressfit fit`` to a spec: law, noise, link, fixed parameters, priors, starts."""

import importlib
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from progressfit import laws
from progressfit.commands.options import GRID, LINKS, NOISES, BadInput, FitRequest
from progressfit.commands.table import Columns, Reads
from progressfit.dataset import Dataset
from progressfit.infer.optimise import start_grid
from progressfit.infer.prepare import prepare
from progressfit.intake.judge import Domain
from progressfit.links import AbstractLink, Identity, Log, Logit, Probit
from progressfit.model import Model
from progressfit.noise import AbstractNoise, Gaussian, Huber, Laplace, LogScale, StudentT
from progressfit.notation import NotationError, parse_number, parse_prior
from progressfit.params import dimension, fix, free, improper, leaves, priors, sample_prior
from progressfit.terms import AbstractGroupTerm, AbstractInputTerm, AbstractTrend, Function
from progressfit.terms.base import walk_terms

LINEAR: Final = "linear"
_LINKS: Final[dict[str, AbstractLink]] = dict(zip(LINKS, (Identity(), Log(), Logit(), Probit()), strict=True))
# Wide: from a billionth to a million on the link scale within four standard deviations.
_LOG_SCALE: Final = "normal(-3, 4)"
_DEGREES_OF_FREEDOM: Final = 4.0
_PRIOR_DRAWS: Final = 256


def law_reads(request: FitRequest) -> Reads:
    """What a law reads, before there is a table. The linear baseline reads whatever inputs are named, and dates."""
    if request.law == LINEAR:
        law = laws.linear({"any": 1.0}, origin=0.0)
        return Reads(tuple(request.inputs), True, (), domain_of(_link(request, law)))
    spec = getattr(laws, request.law)()
    terms = [term for _, term in walk_terms(spec)]
    inputs = dict.fromkeys(term.input for term in terms if isinstance(term, AbstractInputTerm))
    dated = any(isinstance(t, AbstractTrend) or (isinstance(t, Function) and bool(t.channels)) for t in terms)
    groups = dict.fromkeys(term.group for term in terms if isinstance(term, AbstractGroupTerm))
    return Reads(tuple(inputs), dated, tuple(groups), domain_of(_link(request, spec)))


def _link(request: FitRequest, law: Model) -> AbstractLink:
    return law.link if request.link is None else _LINKS[request.link]


def domain_of(link: AbstractLink) -> Domain | None:
    """The interval in which a link takes responses, if it is not the whole line."""
    low = -np.inf if bool(link.contains(jnp.float64(-1.0))) else 0.0
    high = np.inf if bool(link.contains(jnp.float64(2.0))) else 1.0
    return None if np.isinf(low) and np.isinf(high) else Domain(type(link).__name__.lower(), link.domain(), low, high)


def law_module(law: str) -> Any:
    """The module of a law, for its published letters and starts."""
    # The package re-exports the function under the same name, hence not by attribute.
    return importlib.import_module(f"progressfit.laws.{law}")


def law_arguments(request: FitRequest, data: Dataset, columns: Columns) -> dict[str, Any]:
    """Arguments a law needs from the table: for the linear baseline its references, geometric means and mean date."""
    if request.law != LINEAR:
        return {}
    numbers = {name: np.asarray(column, np.float64) for name, column in data.records.columns.items()}
    references = {name: float(np.exp(np.mean(np.log(numbers[name])))) for name in columns.inputs}
    return {"references": references, "origin": float(np.mean(numbers["date"]))}


def specify(request: FitRequest, arguments: dict[str, Any]) -> Model:
    """The spec that was asked for.

    Raises
    ------
    BadInput
        If a noise, path, number or prior cannot be used.
    """
    law = getattr(laws, request.law)(**arguments)
    noise = law.noise if request.noise is None else _noise(request.noise)
    spec = Model(law.mean, _link(request, law), noise)
    _require_paths(spec, request)
    fixed = {path: _read("--fix", path, text, parse_number) for path, text in request.fix.items()}
    freed = {path: _read("--prior", path, text, parse_prior) for path, text in request.prior.items()}
    for path, old in priors(spec).items():
        _require_support("--fix", path, old, fixed.get(path))
        new = freed.get(path)
        _require_support("--prior", path, old, None if new is None else new.sample(jax.random.key(0), (_PRIOR_DRAWS,)))
    spec = free(fix(spec, fixed), freed)
    if dimension(spec) == 0:
        raise BadInput("--fix leaves no free parameter, so there is nothing to fit; leave one of them free")
    return spec


def _noise(text: str) -> AbstractNoise:
    name, colon, argument = (part.strip() for part in text.partition(":"))
    number = _noise_argument(text, argument) if colon else None
    scale = LogScale(parse_prior(_LOG_SCALE))
    if name == "huber" and number is not None:
        return Huber(1.0, delta=number)
    if name == "huber_likelihood" and number is not None:
        return Huber(scale, delta=number)
    if name == "student_t":
        return StudentT(scale, df=_DEGREES_OF_FREEDOM if number is None else number)
    if name == "normal" and number is None:
        return Gaussian(scale)
    if name == "laplace" and number is None:
        return Laplace(scale)
    raise BadInput(f"--noise '{text}' is not one of {NOISES}; D is the knee, as in huber:1e-3")


def _noise_argument(text: str, argument: str) -> float:
    try:
        number = parse_number(argument)
    except NotationError as error:
        raise BadInput(f"--noise '{text}': {error}") from None
    if number <= 0:
        raise BadInput(f"--noise '{text}': {number:g} has to be positive")
    return number


def _require_paths(spec: Model, request: FitRequest) -> None:
    known = list(leaves(spec))
    for option, given in {"--fix": request.fix, "--prior": request.prior}.items():
        unknown = [path for path in given if path not in known]
        if unknown:
            raise BadInput(
                f"{option}: there is no parameter '{unknown[0]}' in the law '{request.law}'; there are: "
                f"{', '.join(known)}"
            )


def _read(option: str, path: str, text: str, parse: Any) -> Any:
    try:
        return parse(text)
    except NotationError as error:
        raise BadInput(f"{option} {path}: {error}") from None


def _require_support(option: str, path: str, old: Any, values: Any) -> None:
    """A parameter keeps the range of the law's own prior, or the law is not defined."""
    if values is None or np.all(np.asarray(old.support(values))):
        return
    what = f"{values:g} lies" if option == "--fix" else "the prior gives values"
    positive = np.all(np.asarray(old.support(np.array([1e-6, 1.0, 1e6])))) and not bool(old.support(-1.0))
    where = "it has to be positive" if positive else f"the law's own prior is {type(old).__name__}"
    raise BadInput(f"{option} {path}: {what} outside the range of the parameter; {where}")


def starts_of(request: FitRequest, spec: Model, data: Dataset) -> int | dict[str, np.ndarray]:
    """A number of starts, or the law's published grid; what the grid does not have is drawn from its prior.

    Raises
    ------
    BadInput
        If a grid is asked for that the law does not have.
    """
    if request.starts != GRID:
        return int(request.starts)
    published = getattr(law_module(request.law), "START_GRID", None)
    spec = prepare(spec, data)
    known = {path: values for path, values in (published or {}).items() if path in priors(spec)}
    if not known:
        raise BadInput(f"--starts {GRID}: the law '{request.law}' has no published grid of starts; give a number")
    grid = start_grid(known)
    others = [path for path in priors(spec) if path not in known]
    if not others:
        return grid
    if improper(spec):
        raise BadInput(f"--starts {GRID}: nothing can be drawn from the flat prior of '{improper(spec)[0]}'")
    keys = jax.random.split(jax.random.key(request.seed), len(next(iter(grid.values()))))
    drawn = jax.vmap(lambda key: sample_prior(spec, key))(keys)
    return grid | {path: np.asarray(drawn[path]) for path in others}
