"""``progressfit fit``: a table and a law in, a certified answer out."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from progressfit.commands.derive import derive
from progressfit.commands.options import BadInput, FitRequest
from progressfit.commands.specify import law_arguments, law_reads, published, specify, starts_of, with_spec
from progressfit.commands.table import Columns, Taken, dataset, read_table, report, select, take_in
from progressfit.dataset import Dataset
from progressfit.infer.bootstrap import bootstrap, compile_bootstrap
from progressfit.infer.check import require
from progressfit.infer.clock import Clock
from progressfit.infer.optimise import fit
from progressfit.infer.result import Draws, Fit
from progressfit.infer.sample import sample
from progressfit.model import Model
from progressfit.noise import Huber
from progressfit.params import improper, is_fixed, leaves
from progressfit.report.fit_answer import FitAnswer

Say = Callable[[str], None]
_FEW_INSIDE = 0.1
_BESIDE_PRIORS = (
    "The noise is a plain Huber loss, whose scale is fixed, so that it may weigh next to nothing beside the priors: "
    "--mle leaves the priors out, as published fits do; --noise student_t or huber_likelihood:D fits a scale."
)
_INTERRUPTED = "before the replicates were complete, so there are no intervals"


class FitJob(NamedTuple):
    """A request whose every part has been checked: what is left is to compute."""

    request: FitRequest
    spec: Model
    data: Dataset
    weights: np.ndarray | None
    starts: int | dict[str, np.ndarray]
    columns: Columns
    arguments: dict[str, Any]
    clock: Clock
    taken: Taken


class Interrupted(KeyboardInterrupt):
    """The work was interrupted after the fit itself; ``answer`` is what there is, without intervals."""

    def __init__(self, answer: FitAnswer):
        self.answer = answer


def prepare_fit(request: FitRequest, say: Say) -> FitJob:
    """Read the table and build the spec; what was recognised, doubted and left out is mentioned through ``say``.

    Raises
    ------
    BadInput, TableError
        If something that was given cannot be used.
    """
    clock = Clock()
    request = with_spec(request)
    taken = take_in(select(read_table(request.table), request.where), law_reads(request), request.asked)
    columns = taken.columns
    data, weights = dataset(taken, request.asked)
    arguments = law_arguments(request, data, columns)
    spec = specify(request, arguments)
    require(spec, data, _objective_of(request))
    if request.sample and improper(spec):
        raise BadInput(
            f"--sample needs a proper prior, and that of '{improper(spec)[0]}' is flat; give --prior "
            f"'{improper(spec)[0]}=normal(MEAN, SD)', or use --bootstrap N"
        )
    starts = starts_of(request, spec, data)
    for line in report(taken):
        say(line)
    return FitJob(request, spec, data, weights, starts, columns, arguments, clock, taken)


def run_fit(job: FitJob, say: Say) -> FitAnswer:
    """Fit, refit resampled tables if asked to, and derive what follows; progress goes to ``say``."""
    request, data = job.request, job.data
    keys = jax.random.split(jax.random.key(request.seed))
    say(f"fitting {len(data)} rows with the law '{request.law}'")
    with _compiling_ahead(job):
        point = fit(
            job.spec,
            data,
            key=keys[0],
            starts=job.starts,
            weights=job.weights,
            objective=_objective_of(request),
            max_steps=request.max_steps,
        )
    try:
        draws = _draws(point, data, keys[1], request, say)
    except KeyboardInterrupt:
        raise Interrupted(_answer(job, point, None, interrupted=_INTERRUPTED)) from None
    return _answer(job, point, draws)


def _answer(job: FitJob, point: Fit, draws: Draws | None, **more: str) -> FitAnswer:
    request = job.request
    letters = published(request, "LETTERS")
    return FitAnswer(
        law=request.law,
        spec=job.spec,
        arguments=job.arguments,
        settings=_settings(job, point) | more,
        fit=point,
        draws=draws,
        data=job.data,
        level=request.level,
        derived=derive(point, draws, letters, tuple(job.columns.inputs), request.compute, request.level),
        notes=spread_notes(point, job.data),
        seconds=job.clock.seconds(),
    )


def _objective_of(request: FitRequest) -> Literal["map", "mle"]:
    return "mle" if request.mle else "map"


@contextlib.contextmanager
def _compiling_ahead(job: FitJob) -> Iterator[None]:
    """The program of the bootstrap, if one was asked for, is compiled beside the fit."""
    request = job.request
    if request.sample or not request.bootstrap:
        yield
        return
    kind, objective = _kind_of(request), _objective_of(request)
    settings = {"replicates": request.bootstrap, "kind": kind, "objective": objective, "max_steps": request.max_steps}
    with ThreadPoolExecutor(1) as other:
        other.submit(compile_bootstrap, job.spec, job.data, **settings)
        yield


def _kind_of(request: FitRequest) -> Literal["rows", "clusters"]:
    return "rows" if request.cluster is None else "clusters"


def _draws(point: Fit, data: Dataset, key: jax.Array, request: FitRequest, say: Say) -> Draws | None:
    if request.sample:
        say("drawing from the posterior: no-U-turn chains")
        return sample(point.spec, data, key=key, point=point)
    if not request.bootstrap:
        return None
    kind = _kind_of(request)
    say(f"bootstrap of {kind}: {request.bootstrap} replicates")
    return bootstrap(point, data, key=key, replicates=request.bootstrap, kind=kind, max_steps=request.max_steps)


def spread_notes(point: Fit, data: Dataset) -> tuple[str, ...]:
    """What a plain Huber loss is beside priors, or has become, if its knee has shrunk below nearly all residuals."""
    noise = point.model.noise
    if not isinstance(noise, Huber):
        return ()
    if is_fixed(point.spec.noise):
        return (_BESIDE_PRIORS,) if point.stats["objective"] == "map" else ()
    inside = int(np.sum(np.abs(np.asarray(point.model.residuals(data))) <= np.asarray(noise.delta)))
    if inside > _FEW_INSIDE * len(data):
        return ()
    knee = float(np.median(np.asarray(noise.delta * noise.scale(data.records))))
    return (
        f"The knee of the fitted Huber likelihood lies at {knee:.3g} on the link scale, and {len(data) - inside} of "
        f"{len(data)} residuals lie beyond it: in effect this is a fit of least absolute deviations. Its curvature "
        "says nothing about spread, so there are no standard errors; use --bootstrap N.",
    )


def _settings(job: FitJob, point: Fit) -> dict[str, Any]:
    request, model = job.request, point.model
    return {
        "command": request.command,
        "table": str(request.table),
        "response": request.response,
        "link": type(model.link).__name__.lower(),
        "noise": request.noise or type(model.noise).__name__,
        "objective": "maximum likelihood" if request.mle else "maximum posterior density",
        "fixed": {path: float(leaves(model)[path]) for path in request.fix},
        "priors": request.prior,
        "tied": request.tie,
        "where": request.where,
        "weights": request.weights,
        "cluster": request.cluster,
        "seed": request.seed,
        "rows_looked_at": len(job.taken.screened.frame),
        "recognised": list(job.taken.notes),
        "dropped": job.taken.dropped,
    }
