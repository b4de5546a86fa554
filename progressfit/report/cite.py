"""What to cite for a fit, a law or a study: the papers it rests on, and this software, as text and BibTeX."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

from progressfit import datasets, laws
from progressfit.bibliography import DATASETS, LAWS, SOFTWARE, STUDIES, Citation
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model
from progressfit.params import child_nodes
from progressfit.studies.base import Study, StudyResult
from progressfit.terms import AbstractInputTerm, AbstractTerm, ByGroup

_OWN_LAW = "The law is composed and has the form of none that this package knows by its paper; say what it consists of."
_OWN_TABLE = "The table is none of those in this package; cite its source too."


@dataclasses.dataclass(frozen=True)
class Citations:
    """Works to cite, and why; ``print`` shows sentences, works and BibTeX.

    Attributes
    ----------
    works
        Each once, this software last.
    notes
        Sentences: what each part rests on, and what nobody here can know.
    """

    works: tuple[Citation, ...]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """One line a work."""
        return "\n".join(work.text for work in self.works)

    @property
    def bibtex(self) -> str:
        """One entry a work."""
        return "\n\n".join(work.bibtex for work in self.works)

    def __str__(self) -> str:
        return "\n".join([*self.notes, "", self.text, "", self.bibtex])


def cite(what: Fit | Draws | Model | Study | StudyResult | Callable[..., Model] | str) -> Citations:
    """What to cite for a fit, draws, a law, a spec, a study, or the name of a law, study or embedded table.

    The law of a fit or spec is known by its form: the same terms, with the same names and inputs, as a published law.
    The table of a fit is known if it is an embedded one as its loader gives it.

    Returns
    -------
    :class:`Citations`, with ``text`` and ``bibtex``.

    Raises
    ------
    TypeError, ValueError
        If nothing of this kind, or of this name, is known.
    """
    if isinstance(what, Draws):
        return cite(what.origin)
    if isinstance(what, Fit):
        works, notes = _of_model(what.spec)
        sources, said = _of_table(what.stats.get("table"))
        return _put_together((*works, *sources), (*notes, *said))
    if isinstance(what, Model):
        return _put_together(*_of_model(what))
    if isinstance(what, Study | StudyResult):
        return _named(what.name if isinstance(what, Study) else what.study)
    return _named(what if isinstance(what, str) else getattr(what, "__name__", ""))


def _named(name: str) -> Citations:
    for kind, known in {"law": LAWS, "study": STUDIES, "table": DATASETS}.items():
        if name in known:
            return _put_together(known[name], (_rests(kind, name, known[name]),))
    raise ValueError(
        f"there is no law, study or table '{name}'; give a fit, draws or a spec, or one of: "
        f"{', '.join((*LAWS, *STUDIES, *DATASETS))}"
    )


def _put_together(works: tuple[Citation, ...], notes: tuple[str, ...]) -> Citations:
    return Citations((*dict.fromkeys(works), SOFTWARE), notes)


def _rests(kind: str, name: str, works: tuple[Citation, ...]) -> str:
    if not works:
        return f"The {kind} '{name}' is this project's own; cite the software."
    return f"The {kind} '{name}' rests on {' and '.join(work.where for work in works)}."


def _of_model(spec: Model) -> tuple[tuple[Citation, ...], tuple[str, ...]]:
    name = law_of(spec)
    if name is None:
        return (), (_OWN_LAW,)
    return LAWS[name], (_rests("law", name, LAWS[name]),)


def law_of(spec: Model) -> str | None:
    """Name of the published law whose form the mean of a spec has; ``None`` if it has that of none."""
    return _known_forms().get(_form(spec.mean))


@functools.cache
def _known_forms() -> dict[Any, str]:
    found: dict[Any, str] = {}
    for name, law in _published():
        found.setdefault(_form(law.mean), name)
    return found


def _published() -> Iterator[tuple[str, Model]]:
    """The published laws in their variants. The linear baseline is too plain a form to be known by."""
    yield "chinchilla", laws.chinchilla()
    yield "kaplan", laws.kaplan()
    yield "hernandez_brown", laws.hernandez_brown()
    yield from (("erdil_besiroglu", laws.erdil_besiroglu(ceiling=ceiling)) for ceiling in (1.0, 0.98))
    for benchmark in (None, "benchmark"):
        yield from (("gundlach2025", laws.gundlach2025(benchmark=benchmark, irreducible=e)) for e in (None, 1.0))
    for number in range(1, 21):
        yield from (("ho2024", laws.ho2024(number, transformer_multiplier=more)) for more in (False, True))
    yield "retests", laws.retests()


def _form(term: AbstractTerm) -> Any:
    """What a term consists of, whatever its numbers and priors, groups and their levels."""
    inside = [(name, _form(child)) for name, child in child_nodes(term) if isinstance(child, AbstractTerm)]
    reads = term.input if isinstance(term, AbstractInputTerm) else ""
    below = frozenset(form for _, form in inside) if isinstance(term, ByGroup) else tuple(inside)
    return type(term).__name__, reads, below


def _of_table(digest: Any) -> tuple[tuple[Citation, ...], tuple[str, ...]]:
    name = _known_tables().get(digest)
    if name is None:
        return (), (_OWN_TABLE,)
    return DATASETS[name], (_rests("table", name, DATASETS[name]),)


@functools.cache
def _known_tables() -> dict[str, str]:
    """Names of the embedded tables by digest, in every version that their loaders give."""
    found = {
        "chinchilla": [datasets.chinchilla("used"), datasets.chinchilla("all")],
        "imagenet": [datasets.imagenet("published"), datasets.imagenet("corrected"), datasets.imagenet("recounted")],
        "language": [
            datasets.language(columns, vocabulary=more)
            for columns in ("published", "corrected")
            for more in (False, True)
        ],
        "efficiency": [
            datasets.efficiency(target, columns)
            for target in ("alexnet_level", "resnet50_level", "seq2seq_level", "gnmt_level")
            for columns in ("published", "corrected")
        ],
        "imagenet_retests": [datasets.imagenet_retests()],
        "imagenet_retests_controls": [datasets.imagenet_retests_controls()],
    }
    return {table.digest(): name for name, tables in found.items() for table in tables}
