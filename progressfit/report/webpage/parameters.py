"""The parameters: priors, estimates, standard errors, intervals."""

from progressfit.infer.describe import prior_speaks
from progressfit.params import priors
from progressfit.report.frame import parameter_rows
from progressfit.report.spec_text import prior_text, spec_dict
from progressfit.report.webpage.case import Case
from progressfit.report.webpage.content import Block, Cell, Table

NAME, TITLE = "parameters", "The parameters"
_MOST = 200


def parameters(case: Case) -> Block:
    """Every free parameter with its prior, estimate, standard error and interval; below it what was held fixed."""
    fit, draws = case.fit, next(iter(case.draws), None)
    said = {path: "no" if prior_speaks(fit.certificate.identification, path) else "yes" for path in fit.parameters}
    stated = {path: prior_text(prior) for path, prior in priors(fit.spec).items()}
    rows: list[tuple[Cell, ...]] = [
        (name, stated[path], *map(float, entry), said[path])
        for path, name, entry in parameter_rows(fit, fit.stderr(), draws, case.level)
    ]
    kind = f"{case.level:.0%} intervals by {draws.kind}" if draws is not None else "no draws, hence no intervals"
    role = "prior" if fit.stats["objective"] == "map" else "prior (for starts only)"
    head = ("parameter", role, "estimate", "standard error", "low", "high", "do the data say anything")
    more = () if len(rows) <= _MOST else (f"Of {len(rows)} parameters the first {_MOST} are shown.",)
    return Block(
        NAME, TITLE, more, tables=(Table(f"Free parameters; {kind}", head, tuple(rows[:_MOST])), *_fixed(case))
    )


def _fixed(case: Case) -> tuple[Table, ...]:
    free = set(case.fit.parameters)
    rows = tuple((path, str(leaf)) for path, leaf in spec_dict(case.fit.spec)["leaves"].items() if path not in free)
    return (Table("Held fixed or tied", ("parameter", "value"), rows[:_MOST]),) if rows else ()
