"""Reports: summary tables, pictures, and the folder a study writes."""

from progressfit.report.table import summary

__all__ = ["summary"]
