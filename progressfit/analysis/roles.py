"""What each parameter of a law stands for, in words, read off the law's own terms."""

from collections.abc import Iterable

from progressfit.model import Model
from progressfit.params import coordinate_names
from progressfit.terms import AbstractGroupTerm, AbstractInputTerm, AbstractTerm, AbstractTrend, Function, Sum
from progressfit.terms.base import walk_terms


def roles(spec: Model) -> tuple[str, ...]:
    """Words for each coordinate of a prepared spec, ``(d,)``: "compute-augmenting progress", "the exponent of data".

    What has no such meaning goes by its path; so does what would share its words with another parameter.

    Raises
    ------
    ValueError
        If two parameters of the spec have the same path.
    """
    found, names = list(walk_terms(spec)), coordinate_names(spec)
    words = [_role(name, found) for name in names]
    return tuple(
        word if words.count(word) == 1 or name in word else f"{word} ({name})"
        for word, name in zip(words, names, strict=True)
    )


def read_by(terms: Iterable[AbstractTerm]) -> tuple[tuple[str, ...], bool, bool]:
    """Inputs that some terms read by name, whether they read the date, and whether a function may read anything."""
    terms = list(terms)
    inputs = dict.fromkeys(term.input for term in terms if isinstance(term, AbstractInputTerm))
    functions = [term for term in terms if isinstance(term, Function)]
    dated = any(isinstance(term, AbstractTrend) for term in terms) or any(term.channels for term in functions)
    return tuple(inputs), dated, bool(functions)


def groups_of(spec: Model) -> tuple[str, ...]:
    """Groups that a law reads, in order of appearance."""
    return tuple(dict.fromkeys(t.group for _, t in walk_terms(spec) if isinstance(t, AbstractGroupTerm)))


def _below(term: AbstractTerm) -> list[AbstractTerm]:
    return [term, *(inner for _, inner in walk_terms(term))]


def _role(name: str, terms: list[tuple[str, AbstractTerm]]) -> str:
    bare = name.partition("[")[0].split(".")
    if bare[0] == "noise":
        return f"the noise's {bare[-1].replace('_', ' ')}"
    above = [term for path, term in terms if not path or bare[: path.count(".") + 1] == path.split(".")]
    for k in range(len(above) - 1, -1, -1):
        inputs, dated, anything = read_by(_below(above[k]))
        if anything:
            break
        if inputs or dated:
            # A sum whose part reads nothing: a constant beside what reads.
            return f"the constant {name}" if isinstance(above[k], Sum) else _reading(bare[-1], above[: k + 1], name)
    return name


def _reading(field: str, above: list[AbstractTerm], name: str) -> str:
    """Words for a parameter of the last of these terms, which reads; products around it may add what else it scales."""
    inputs, dated, _ = read_by(_below(above[-1]))
    trend = above[-1] if isinstance(above[-1], AbstractTrend) else None
    for outer in reversed(above[:-1]):
        if isinstance(outer, Sum):
            break
        more, also_dated, _ = read_by(_below(outer))
        if len(more) + also_dated > max(len(inputs) + dated, 1) and len(more) == 1 and not _sums(outer):
            return f"the interaction of {more[0]} and the date"
    if trend is not None or (dated and not inputs):
        trend = trend or next(term for term in _below(above[-1]) if isinstance(term, AbstractTrend))
        kind = f"{trend.augments}-augmenting progress" if trend.augments else f"progress in '{trend.channel}'"
        return kind if field in ("rate", "common") else f"{kind}: {name.rpartition('.')[2]}"
    what = "exponent" if field in ("slope", "exponent", "common") else field
    return f"the {what} of {' and '.join(inputs)}"


def _sums(term: AbstractTerm) -> bool:
    return any(isinstance(inner, Sum) and len(inner.terms) > 1 for inner in _below(term))
