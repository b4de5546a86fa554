"""A picture of a prior predictive check."""

import numpy as np

from progressfit.analysis.prior_predictive import PriorPredictive
from progressfit.picture import Curve, CurvesPicture


def prior_picture(found: PriorPredictive) -> CurvesPicture:
    """The prior predictive interval of every row, and the observed responses as points.

    Rows stand in the order of their prior predictive median, so that the band is smooth; points are coloured by date
    where the table has one. Draw it with ``pf.report.draw(picture, path)``.
    """
    order = np.argsort(found.median, kind="stable")
    place = np.arange(1.0, len(order) + 1)
    columns, name = found.data.records.columns, found.data.labels.response
    dated = "date" in columns
    band = Curve(
        f"prior predictive median and {found.level:.0%} interval",
        place,
        found.median[order],
        np.ones(len(order), bool),
        low=found.low[order],
        high=found.high[order],
    )
    return CurvesPicture(
        title="What the priors predict, and what was observed",
        x_label="rows, in the order of their prior predictive median",
        y_label=name,
        curves=(band,),
        x=place,
        y=np.asarray(found.data.response, np.float64)[order],
        shade=np.asarray(columns["date"], np.float64)[order] if dated else place,
        shade_label="date" if dated else "row",
        note=f"{len(found)} prior draws; {found.missed:.0%} of the observed values lie outside their own interval, "
        f"{found.beyond:.0%} of the predicted ones outside the observed range",
    )
