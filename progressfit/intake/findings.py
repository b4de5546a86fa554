"""What was found in a table: errors and doubts by row, and sentences about what was recognised and converted."""

import dataclasses
from collections import Counter
from typing import Any, Final, NamedTuple

import numpy as np

from progressfit.frame import describe_rows
from progressfit.intake.read import place_number
from progressfit.printable import excerpt


class Kind(NamedTuple):
    """A kind of problem, and what to do about it; ``widespread`` says whether most of a column may have it."""

    remedy: str
    widespread: bool = False


BLANK: Final = Kind(
    "Fill in the value, leave out such rows with --lenient, or select rows with --where COLUMN=VALUE", widespread=True
)
UNREADABLE: Final = Kind(
    "Write plain numbers such as 4.7e17, without units, in natural units, or leave out such rows with --lenient"
)
NO_DATE: Final = Kind("Correct the date, or leave out such rows with --lenient")
NOT_POSITIVE: Final = Kind(
    "An input is used through its logarithm and has to be positive, in natural units; correct it, or leave out such "
    "rows with --lenient"
)
OUTSIDE: Final = Kind(
    "Give accuracies as fractions (0.763) or all in per cent, correct it, choose another --link, or leave out such "
    "rows with --lenient"
)
NEGATIVE: Final = Kind("Weights are 0 or more; correct it, or leave out such rows with --lenient")


class Problem(NamedTuple):
    """One cell that cannot be used, or is doubted.

    Attributes
    ----------
    row
        Position among the rows that were looked at, from 0.
    column
        The column of the file.
    predicate
        What it does: "has no value", "holds 'many', which is no number".
    kind
        What to do about it.
    """

    row: int
    column: str
    predicate: str
    kind: Kind


@dataclasses.dataclass(frozen=True)
class Findings:
    """All that was found in a table.

    Attributes
    ----------
    places, labels
        Where each of the ``n`` rows stands in the file, and the name of the model, empty where it has none.
    errors, doubts
        Cells that keep their row from being used, and cells that do not.
    column_errors
        Sentences about whole columns: leaving out rows does not mend these.
    notes
        Sentences about what was recognised and converted.
    """

    places: tuple[str, ...]
    labels: tuple[str, ...]
    errors: tuple[Problem, ...]
    doubts: tuple[Problem, ...]
    column_errors: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def bad(self) -> np.ndarray:
        """Rows that cannot be used, boolean ``(n,)``."""
        found = np.zeros(len(self.places), bool)
        found[[problem.row for problem in self.errors]] = True
        return found

    def line(self, problem: Problem) -> str:
        """One problem with its place, for a list."""
        name = self.labels[problem.row]
        who = f" ({excerpt(name)})" if name else ""
        return f"  {self.places[problem.row]}{who}: '{excerpt(problem.column)}' {problem.predicate}"

    def refusal(self, most: int) -> str | None:
        """Why the table cannot be used as it is, in one sentence for one problem, else as a list; or nothing."""
        lines = [*self.column_errors, *(self.line(problem) for problem in self.errors)]
        if not lines:
            return None
        if len(lines) == 1:
            return self.column_errors[0] if self.column_errors else self._sentence(self.errors[0])
        more = f"\n  and {len(lines) - most} more; progressfit check lists them all" if len(lines) > most else ""
        lenient = "" if self.column_errors else "; correct them, or leave out these rows with --lenient"
        head = f"{len(self.errors)} cells, in {int(self.bad.sum())} of {len(self.places)} rows, cannot be used{lenient}"
        if self.column_errors:
            also = f", and {counted(len(self.errors), 'cell')} of others" if self.errors else ""
            head = f"{counted(len(self.column_errors), 'column')}{also} cannot be used"
        return head + "\n" + "\n".join(lines[:most]) + more

    def _sentence(self, problem: Problem) -> str:
        comma = "," if "," in problem.predicate else ""
        mark = np.arange(len(self.places)) == problem.row
        return (
            f"Column '{excerpt(problem.column)}' {problem.predicate}{comma} in {describe_rows(mark, self.places)}. "
            f"{problem.kind.remedy}."
        )

    def plain(self, problems: tuple[Problem, ...]) -> list[dict[str, Any]]:
        """Problems as plain data: the line (for Parquet the row, from 0), the column and what is wrong."""
        return [{"row": place_number(self.places[p.row]), "column": p.column, "problem": p.predicate} for p in problems]


def counted(count: int, what: str) -> str:
    """A number of things: "1 row", "2 rows"."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def gather(problems: list[Problem], known: dict[str, int], places: tuple[str, ...]) -> tuple[list[Problem], list[str]]:
    """Problems by row, without those of columns that are wrong as a whole, and a sentence for each of these.

    ``known`` counts the cells of each column that have a value: a column most of whose values have one kind of problem
    is not what it was taken for.
    """
    problems = sorted(dict.fromkeys(problems), key=lambda problem: (problem.row, problem.column))
    counts = Counter((problem.column, problem.kind) for problem in problems if not problem.kind.widespread)
    whole = {key for key, count in counts.items() if count > max(1, known.get(key[0], 0) // 2)}
    left = [problem for problem in problems if (problem.column, problem.kind) not in whole]
    return left, [_whole(key, problems, places) for key in counts if key in whole]


def _whole(key: tuple[str, Kind], problems: list[Problem], places: tuple[str, ...]) -> str:
    found = [problem for problem in problems if (problem.column, problem.kind) == key]
    bad = np.zeros(len(places), bool)
    bad[[problem.row for problem in found]] = True
    remedy = key[1].remedy.partition(", or leave out")[0]
    return (
        f"Column '{excerpt(key[0])}' {found[0].predicate}, and most of its other values are no better: "
        f"{describe_rows(bad, places)}. {remedy}, or name another column."
    )
