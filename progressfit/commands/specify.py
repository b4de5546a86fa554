"""From the options of ``progressfit fit`` to a spec: law, noise, link, fixed parameters, priors, starts."""

import dataclasses
import importlib
from collections.abc import Sequence
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
from progressfit.params import dimension, improper, priors, sample_prior
from progressfit.spec.errors import SpecError
from progressfit.spec.overrides import override
from progressfit.spec.text import read_named
from progressfit.terms import AbstractGroupTerm, AbstractInputTerm, AbstractTrend, Function
from progressfit.terms.base import walk_terms

LINEAR: Final = "linear"
_LINKS: Final[dict[str, AbstractLink]] = dict(zip(LINKS, (Identity(), Log(), Logit(), Probit()), strict=True))
# Wide: from a billionth to a million on the link scale within four standard deviations.
_LOG_SCALE: Final = "normal(-3, 4)"
_DEGREES_OF_FREEDOM: Final = 4.0


def with_spec(request: FitRequest) -> FitRequest:
    """The request with the spec that its file holds, and the name that the file gives it.

    Raises
    ------
    BadInput
        If the file cannot be read, or is no spec.
    """
    if request.spec is None:
        return request
    try:
        found = read_named(request.spec, {})
    except OSError as error:
        raise BadInput(f"--spec: cannot read '{request.spec}': {error.strerror}") from None
    except SpecError as error:
        raise BadInput(f"--spec {error}") from None
    return dataclasses.replace(request, law=found.name or request.law, model=found.spec)


def _law(request: FitRequest, arguments: dict[str, Any]) -> Model:
    return getattr(laws, request.law)(**arguments) if request.model is None else request.model


def _is_linear(request: FitRequest) -> bool:
    """Whether this is the baseline that takes its inputs and references from the table."""
    return request.law == LINEAR and request.model is None


def law_reads(request: FitRequest) -> Reads:
    """What a law reads, before there is a table. The linear baseline reads whatever inputs are named, and dates."""
    if _is_linear(request):
        law = laws.linear({"any": 1.0}, origin=0.0)
        return Reads(tuple(request.inputs), True, (), domain_of(_link(request, law)))
    spec = _law(request, {})
    terms = [spec.mean, *(term for _, term in walk_terms(spec))]
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


def published(request: FitRequest, name: str) -> dict[str, Any]:
    """What the module of a law publishes under a name, its letters or starts; nothing for a spec from a file."""
    if request.model is not None:
        return {}
    # The package re-exports the function under the same name, hence not by attribute.
    return dict(getattr(importlib.import_module(f"progressfit.laws.{request.law}"), name, {}))


def law_arguments(request: FitRequest, data: Dataset, columns: Columns) -> dict[str, Any]:
    """Arguments a law needs from the table: for the linear baseline its references, geometric means and mean date."""
    if not _is_linear(request):
        return {}
    numbers = {name: np.asarray(column, np.float64) for name, column in data.records.columns.items()}
    references = {name: float(np.exp(np.mean(np.log(numbers[name])))) for name in columns.inputs}
    return {"references": references, "origin": float(np.mean(numbers["date"]))}


def specify(request: FitRequest, arguments: dict[str, Any]) -> Model:
    """The spec that was asked for.

    Raises
    ------
    BadInput
        If a noise, path, number, prior or tie cannot be used.
    """
    law = _law(request, arguments)
    noise = law.noise if request.noise is None else _noise(request.noise)
    spec = Model(law.mean, _link(request, law), noise)
    fixed = {path: _read("--fix", path, text, parse_number) for path, text in request.fix.items()}
    freed = {path: _read("--prior", path, text, parse_prior) for path, text in request.prior.items()}
    try:
        spec = override(spec, fixed, freed, request.tie, lambda option, path: f"--{option} {path}")
    except SpecError as error:
        raise BadInput(str(error)) from None
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


def _read(option: str, path: str, text: str, parse: Any) -> Any:
    try:
        return parse(text)
    except NotationError as error:
        raise BadInput(f"{option} {path}: {error}") from None


def _require_proper(option: str, spec: Model, among: Sequence[str] | None = None) -> None:
    flat = [path for path in improper(spec) if among is None or path in among]
    if flat:
        raise BadInput(
            f"{option}no start can be drawn from the flat prior of '{flat[0]}'; give it another with --prior "
            f"'{flat[0]}=normal(MEAN, SD)' (with --mle priors supply starts only)"
        )


def starts_of(request: FitRequest, spec: Model, data: Dataset) -> int | dict[str, np.ndarray]:
    """A number of starts, or the law's published grid; what the grid does not have is drawn from its prior.

    Raises
    ------
    BadInput
        If a grid is asked for that the law does not have.
    """
    if request.starts != GRID:
        _require_proper("", spec)
        return int(request.starts)
    spec = prepare(spec, data)
    known = {path: values for path, values in published(request, "START_GRID").items() if path in priors(spec)}
    if not known:
        raise BadInput(f"--starts {GRID}: the law '{request.law}' has no published grid of starts; give a number")
    grid = start_grid(known)
    others = [path for path in priors(spec) if path not in known]
    if not others:
        return grid
    _require_proper(f"--starts {GRID}: ", spec, others)
    keys = jax.random.split(jax.random.key(request.seed), len(next(iter(grid.values()))))
    drawn = jax.vmap(lambda key: sample_prior(spec, key))(keys)
    return grid | {path: np.asarray(drawn[path]) for path in others}
