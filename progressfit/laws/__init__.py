"""Laws: functions that return a published form as a spec, one law a file."""

from progressfit.laws.erdil_besiroglu import erdil_besiroglu
from progressfit.laws.linear import linear

__all__ = ["erdil_besiroglu", "linear"]
