"""Laws with a limit that no amount of compute, data or progress removes: a ceiling, or an irreducible loss."""

from numpyro.distributions import Distribution

from progressfit.links import Logit, Probit
from progressfit.model import Model
from progressfit.terms import AbstractTerm, Constant, PositiveConstant, Product, Sum
from progressfit.terms.base import default_name

CEILING, FLOOR = "ceiling", "irreducible"
"""Names of the new parts of the mean."""


def with_ceiling(spec: Model, ceiling: float | Distribution) -> Model:
    """The same law with its mean multiplied by a highest attainable performance.

    Parameters
    ----------
    spec
        A law of a fraction that rises with its inputs, with a logit or probit link.
    ceiling
        A number above 0, up to 1, or a prior: an irreducible error of 1-2% is ``Beta(197, 3)``.

    Raises
    ------
    ValueError
        If the response is no fraction, or the law has such a factor already.
    """
    if not isinstance(spec.link, Logit | Probit):
        raise ValueError(f"the response of a law with the link {type(spec.link).__name__} has no upper bound to lower")
    parts = _children(spec.mean, Product)
    _require_free(parts, "a ceiling")
    if not isinstance(ceiling, Distribution) and not 0 < ceiling <= 1:
        raise ValueError(f"ceiling={ceiling}: give a fraction above 0, up to 1, or a prior on such fractions")
    return Model(Product(**parts, **{CEILING: PositiveConstant(ceiling)}), spec.link, spec.noise)


def with_irreducible_loss(spec: Model, loss: float | Distribution | AbstractTerm) -> Model:
    """The same law with a loss (or an error rate) added that no input removes: a number, a prior or a positive term.

    Raises
    ------
    ValueError
        If the law has one already, or the number is negative.
    """
    parts = _children(spec.mean, Sum)
    _require_free(parts, "an irreducible loss")
    if not isinstance(loss, Distribution | AbstractTerm) and not loss >= 0:
        raise ValueError(f"loss={loss}: an irreducible loss is zero or positive")
    term = loss if isinstance(loss, AbstractTerm) else PositiveConstant(loss)
    return Model(Sum(**parts, **{FLOOR: term}), spec.link, spec.noise)


def _children(mean: AbstractTerm, kind: type) -> dict[str, AbstractTerm]:
    if isinstance(mean, kind) and isinstance(mean, Sum | Product):
        return dict(zip(mean.names, mean.terms, strict=True))
    return {default_name(mean): mean}


def _require_free(parts: dict[str, AbstractTerm], what: str) -> None:
    own = [name for name, term in parts.items() if isinstance(term, Constant | PositiveConstant)]
    if own:
        raise ValueError(f"the law has {what} of its own ('{own[0]}')")
