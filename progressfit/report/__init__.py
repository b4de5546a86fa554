"""Reports: summary tables, pictures, trees for ArviZ and their files, and the folder a study writes."""

from progressfit.report.calibration_picture import draw_calibration
from progressfit.report.comparison_plot import comparison_frame, plot_comparison
from progressfit.report.datatree import arviz
from progressfit.report.frame import draws_frame, frame
from progressfit.report.netcdf import load, save
from progressfit.report.plots import draw
from progressfit.report.prior_picture import prior_picture
from progressfit.report.table import summary
from progressfit.report.webpage.report import page

__all__ = [
    "arviz",
    "comparison_frame",
    "draw",
    "draw_calibration",
    "draws_frame",
    "frame",
    "load",
    "page",
    "plot_comparison",
    "prior_picture",
    "save",
    "summary",
]
