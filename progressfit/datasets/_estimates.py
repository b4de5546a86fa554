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
    ``low_rate``, ``high_rate`` in natural log units a year. A negative bound in months belongs to an interval that
    passes through no progress at all; as an interval of times it does not say which rates it holds, so the bounds of
    the rate are NaN there.
    """
    with resources.files("progressfit.datasets").joinpath("estimates.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    rate, fast, slow = (12 * np.log(2) / table[name] for name in ("doubling_months", "low_months", "high_months"))
    sound = (table["low_months"] > 0) & (table["high_months"] > 0)
    return table.assign(rate=rate, low_rate=slow.where(sound), high_rate=fast.where(sound))
