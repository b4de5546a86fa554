"""Terms: the pieces laws are composed of. The contract is stated once, at :class:`AbstractTerm`."""

from progressfit.terms.base import (
    AbstractComposite,
    AbstractGroupTerm,
    AbstractInputTerm,
    AbstractPositiveTerm,
    AbstractTerm,
    AbstractTrend,
    Constant,
    Negative,
    PositiveConstant,
    Product,
    Sum,
)
from progressfit.terms.ces import CES
from progressfit.terms.effects import ByGroup, GroupEffect
from progressfit.terms.function import Function
from progressfit.terms.inputs import EffectiveInput, LogEffectiveEpochs, LogSlope, Slope
from progressfit.terms.power import Power, PowerLaw, PowerSum
from progressfit.terms.transfer import TransferredInput
from progressfit.terms.transform import Exp, Logistic, LogSumExp
from progressfit.terms.trend import (
    ExponentialProgress,
    LogarithmicProgress,
    PiecewiseProgress,
    RandomWalkProgress,
    SaturatingProgress,
)

__all__ = [
    "CES",
    "AbstractComposite",
    "AbstractGroupTerm",
    "AbstractInputTerm",
    "AbstractPositiveTerm",
    "AbstractTerm",
    "AbstractTrend",
    "ByGroup",
    "Constant",
    "EffectiveInput",
    "Exp",
    "ExponentialProgress",
    "Function",
    "GroupEffect",
    "LogEffectiveEpochs",
    "LogSlope",
    "LogSumExp",
    "LogarithmicProgress",
    "Logistic",
    "Negative",
    "PiecewiseProgress",
    "PositiveConstant",
    "Power",
    "PowerLaw",
    "PowerSum",
    "Product",
    "RandomWalkProgress",
    "SaturatingProgress",
    "Slope",
    "Sum",
    "TransferredInput",
]
