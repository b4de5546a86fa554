"""Ranges that values have to lie in, all columns at once: a pandera schema, its report put in our words."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from progressfit.intake import findings
from progressfit.intake.findings import Kind, Problem


class Domain(NamedTuple):
    """Open interval that responses lie in: the ``name`` of the link, and ``words`` for the interval."""

    name: str
    words: str
    low: float
    high: float

    @property
    def fractional(self) -> bool:
        """Whether responses are fractions."""
        return self.high == 1.0


class Rule(NamedTuple):
    """What the values of one column have to be, as a pandera check, and what to say where they are not."""

    column: str
    values: np.ndarray
    check: Any
    predicate: str
    kind: Kind


def positive(column: str, values: np.ndarray) -> Rule:
    """Inputs are used through their logarithms."""
    import pandera.pandas as pa

    return Rule(column, values, pa.Check.gt(0), "is zero or negative ({:g})", findings.NOT_POSITIVE)


def inside(column: str, values: np.ndarray, domain: Domain) -> Rule:
    """Responses lie inside the domain of the link."""
    import pandera.pandas as pa

    check = pa.Check.in_range(domain.low, domain.high, include_min=False, include_max=False)
    words = f"lies outside the domain of the {domain.name} link ({domain.words}): {{:g}}"
    return Rule(column, values, check, words, findings.OUTSIDE)


def weighing(column: str, values: np.ndarray) -> Rule:
    """Weights are not negative."""
    import pandera.pandas as pa

    return Rule(column, values, pa.Check.ge(0), "is negative", findings.NEGATIVE)


def judge(rules: Iterable[Rule]) -> list[Problem]:
    """Every cell that breaks a rule; blank cells, NaN here, break none."""
    import pandera.pandas as pa
    from pandera.errors import SchemaErrors

    known = {f"rule {i}": rule for i, rule in enumerate(rules)}
    if not known:
        return []
    schema = pa.DataFrameSchema({name: pa.Column(float, rule.check, nullable=True) for name, rule in known.items()})
    try:
        schema.validate(pd.DataFrame({name: rule.values for name, rule in known.items()}), lazy=True)
    except SchemaErrors as report:
        cases = report.failure_cases
        found = zip(cases["column"], cases["index"], cases["failure_case"], strict=True)
        return [_problem(known[str(name)], int(row), float(value)) for name, row, value in found]
    return []


def _problem(rule: Rule, row: int, value: float) -> Problem:
    return Problem(row, rule.column, rule.predicate.format(value), rule.kind)
