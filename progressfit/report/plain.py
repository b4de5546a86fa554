"""Plain data: what every JSON object of the package has in common."""

from progressfit.infer.as_dict import finite as finite

VERSIONED = ("progressfit", "jax", "jaxlib", "numpyro", "equinox", "optimistix", "numpy", "pandas")
"""Packages whose versions are written beside every answer."""
