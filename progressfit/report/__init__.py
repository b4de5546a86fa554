"""Reports: summary tables, pictures, trees for ArviZ and their files, and the folder a study writes."""

from progressfit.report.datatree import arviz
from progressfit.report.netcdf import load, save
from progressfit.report.plots import draw
from progressfit.report.prior_picture import prior_picture
from progressfit.report.table import summary

__all__ = ["arviz", "draw", "load", "prior_picture", "save", "summary"]
