"""Pictures of results, drawn with matplotlib: one function for each kind of result, and each returns its axes.

Without ``ax`` a function opens a new figure and never draws into the current one. In a notebook, or wherever pyplot is
already loaded, that figure is one of pyplot's, so that it is shown inline and ``plt.show()`` finds it; elsewhere it is
a plain figure that nothing holds on to. ``ax.figure.savefig(path)`` works in both. Colours are those of Okabe and Ito,
safe for colour-blind readers; dashed lines and shaded ground mark what lies outside the range of the fitted table.
"""

from progressfit.plot.fit import fit
from progressfit.plot.forecast import forecast
from progressfit.plot.growth import growth
from progressfit.plot.influence import influence
from progressfit.plot.optima import optima
from progressfit.plot.profile import profile
from progressfit.plot.shapley import shapley

__all__ = ["fit", "forecast", "growth", "influence", "optima", "profile", "shapley"]
