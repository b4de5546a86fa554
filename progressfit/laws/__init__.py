"""Laws: functions that return a published form as a spec, one law a file."""

from progressfit.laws.chinchilla import chinchilla
from progressfit.laws.erdil_besiroglu import erdil_besiroglu
from progressfit.laws.gundlach2025 import gundlach2025
from progressfit.laws.hernandez_brown import hernandez_brown
from progressfit.laws.ho2024 import ho2024
from progressfit.laws.kaplan import kaplan
from progressfit.laws.linear import linear
from progressfit.laws.retests import retests

__all__ = ["chinchilla", "erdil_besiroglu", "gundlach2025", "hernandez_brown", "ho2024", "kaplan", "linear", "retests"]
