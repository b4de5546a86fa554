"""The parameters: priors, estimates, standard errors, intervals."""

import numpy as np

from progressfit.infer.describe import prior_speaks
from progressfit.params import entry_names, priors
from progressfit.report.spec_text import prior_text, spec_dict
from progressfit.report.webpage.case import Case
from progressfit.report.webpage.content import Block, Cell, Table

NAME, TITLE = "parameters", "The parameters"
_MOST = 200


def parameters(case: Case) -> Block:
    """Every free parameter with its prior, estimate, standard error and interval; below it what was held fixed."""
    fit, draws = case.fit, next(iter(case.draws), None)
    errors, stated = fit.stderr(), priors(fit.spec)
    rows: list[tuple[Cell, ...]] = []
    for path, value in fit.parameters.items():
        spread = np.full((2, *np.shape(value)), np.nan)
        if draws is not None:
            tails = [(1 - case.level) / 2, (1 + case.level) / 2]
            spread = np.quantile(np.asarray(draws.values[path])[draws.ok], tails, axis=0)
        table = np.stack([value, errors[path], *spread]).reshape(4, -1).T
        note = "no" if prior_speaks(fit.certificate.identification, path) else "yes"
        prior = prior_text(stated[path])
        names = entry_names(fit.spec, path, np.shape(value))
        rows += [(name, prior, *map(float, entry), note) for name, entry in zip(names, table, strict=True)]
    kind = f"{case.level:.0%} intervals by {draws.kind}" if draws is not None else "no draws, hence no intervals"
    role = "prior" if fit.stats["objective"] == "map" else "prior (for starts only)"
    head = ("parameter", role, "estimate", "standard error", "low", "high", "do the data say anything")
    said = () if len(rows) <= _MOST else (f"Of {len(rows)} parameters the first {_MOST} are shown.",)
    return Block(
        NAME, TITLE, said, tables=(Table(f"Free parameters; {kind}", head, tuple(rows[:_MOST])), *_fixed(case))
    )


def _fixed(case: Case) -> tuple[Table, ...]:
    free = set(case.fit.parameters)
    rows = tuple((path, str(leaf)) for path, leaf in spec_dict(case.fit.spec)["leaves"].items() if path not in free)
    return (Table("Held fixed or tied", ("parameter", "value"), rows[:_MOST]),) if rows else ()
