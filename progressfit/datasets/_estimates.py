"""Published rates of progress, for comparison."""

from importlib import resources

import numpy as np
import pandas as pd


def estimates() -> pd.DataFrame:
    """Published rates of progress: 30 figures from image classification to chess engines.

    Returns
    -------
    ``domain``, ``study``, ``year``, ``quantity`` (what is measured; rates are comparable within one quantity only),
    ``doubling_months`` with ``low_months``, ``high_months`` and the kind of ``interval``; ``source``; ``verification``
    (primary: read in the source; secondary; derived from published figures; unverified); ``note``; and ``rate``,
    ``low_rate``, ``high_rate`` in natural log units a year. A negative bound in months is an interval that contains
    zero progress; rates have no such trouble.
    """
    with resources.files("progressfit.datasets").joinpath("estimates.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    rate, fast, slow = (12 * np.log(2) / table[name] for name in ("doubling_months", "low_months", "high_months"))
    return table.assign(rate=rate, low_rate=np.fmin(slow, fast), high_rate=np.fmax(slow, fast))
