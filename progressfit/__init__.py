"""Measure progress in machine learning: compose a law, fit it, and say how far the answer can be trusted.

Public names load on first use, so that importing the package takes hundredths of a second. The first numeric name
turns on double precision in JAX (``jax_enable_x64``), for the whole process; see the README.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Dataset": "dataset",
    "Record": "dataset",
    "TableError": "frame",
    "Model": "model",
    "components": "model",
    "channels": "model",
    "Tied": "params",
    "fix": "params",
    "free": "params",
    "tie": "params",
    "log_density": "density",
    "LogDensity": "ready_density",
    "numpyro_model": "density",
    "compile_cache": "cache",
    "keep_partial": "infer.checkpoint",
    "progress_bars": "bars",
    "prepare": "infer.prepare",
    "check": "infer.check",
    "fit": "infer.optimise",
    "start_grid": "infer.optimise",
    "bootstrap": "infer.bootstrap",
    "laplace": "infer.laplace",
    "sample": "infer.sample",
    "profile": "infer.profile",
    "Profile": "infer.profile_result",
    "load": "infer.load",
    "Fit": "infer.result",
    "Draws": "infer.result",
    "RESULTS": "infer.outcomes",
    "growth_rate": "growth",
    "doubling_time": "growth",
    "doubling_interval": "growth",
    "effective_compute_growth": "analysis.compute_growth",
    "optimal_growth": "analysis.compute_growth",
    "optimal_doubling_time": "analysis.compute_growth",
    "optimal_allocation": "analysis.allocation",
    "isoflop_allocation": "analysis.isoflop",
    "envelope_allocation": "analysis.envelope",
    "isoflop_bias": "analysis.allocation_bias",
    "envelope_bias": "analysis.allocation_bias",
    "shapley": "analysis.attribution",
    "compute_equivalent_gain": "analysis.attribution",
    "innovation_gain": "analysis.gain",
    "innovation_curve": "analysis.gain",
    "allocation_gain": "analysis.gain",
    "law_gain": "analysis.gain",
    "scale_dependence": "analysis.gain",
    "required_input": "analysis.threshold",
    "threshold_reading": "analysis.threshold",
    "pareto_frontier": "analysis.threshold",
    "predict": "analysis.predict",
    "predict_intervals": "analysis.predict",
    "extrapolation": "analysis.predict",
    "determined": "analysis.identify",
    "identify": "analysis.identification",
    "Identifiability": "analysis.identification_result",
    "recover": "analysis.recover",
    "designs": "analysis.designs",
    "Design": "analysis.designs",
    "complementarity": "analysis.complementarity",
    "with_interaction": "analysis.complementarity",
    "with_substitution": "analysis.complementarity",
    "influence": "analysis.influence",
    "leave_out": "analysis.influence",
    "selection": "analysis.selection",
    "overlearning": "analysis.overlearning",
    "carried_over": "analysis.overlearning",
    "control_slopes": "analysis.overlearning",
    "filtered": "analysis.selection",
    "conventions": "analysis.conventions",
    "errors_in_variables": "analysis.measurement",
    "simex": "analysis.simex",
    "irreducible_error": "analysis.irreducible",
    "free_irreducible_error": "analysis.irreducible",
    "with_ceiling": "analysis.limits",
    "with_irreducible_loss": "analysis.limits",
    "forward_validation": "analysis.heldout",
    "outlook": "analysis.outlook",
    "data_transfer": "analysis.transfer_exponent",
    "transfer_exponents": "analysis.transfer_exponent",
    "with_transfer": "analysis.transfer_exponent",
    "trends": "analysis.trends",
    "trend_breaks": "analysis.trend_shapes",
    "trend_forms": "analysis.trend_shapes",
    "with_trend": "analysis.trend_shapes",
    "variants": "analysis.variants",
    "power_scaling": "analysis.priors",
    "prior_derivatives": "analysis.priors",
    "prior_sweep": "analysis.priors",
    "rescaled_priors": "analysis.priors",
    "prior_predictive": "analysis.prior_predictive",
    "multiverse": "analysis.multiverse",
    "Universe": "analysis.multiverse",
    "forecast": "analysis.forecast",
    "transfer": "analysis.transfer",
    "compare": "analysis.compare",
    "cross_validate": "analysis.validation",
    "calibrate": "analysis.calibration",
    "Calibration": "analysis.calibration_result",
    "summary": "report.table",
    "cite": "report.cite",
}
_NAMESPACES = ("datasets", "laws", "links", "noise", "params", "plot", "report", "spec", "studies", "terms")

if TYPE_CHECKING:
    from progressfit import datasets as datasets
    from progressfit import laws as laws
    from progressfit import links as links
    from progressfit import noise as noise
    from progressfit import params as params
    from progressfit import plot as plot
    from progressfit import report as report
    from progressfit import spec as spec
    from progressfit import studies as studies
    from progressfit import terms as terms
    from progressfit.analysis.allocation import optimal_allocation as optimal_allocation
    from progressfit.analysis.allocation_bias import envelope_bias as envelope_bias
    from progressfit.analysis.allocation_bias import isoflop_bias as isoflop_bias
    from progressfit.analysis.attribution import compute_equivalent_gain as compute_equivalent_gain
    from progressfit.analysis.attribution import shapley as shapley
    from progressfit.analysis.calibration import calibrate as calibrate
    from progressfit.analysis.calibration_result import Calibration as Calibration
    from progressfit.analysis.compare import compare as compare
    from progressfit.analysis.complementarity import complementarity as complementarity
    from progressfit.analysis.complementarity import with_interaction as with_interaction
    from progressfit.analysis.complementarity import with_substitution as with_substitution
    from progressfit.analysis.compute_growth import effective_compute_growth as effective_compute_growth
    from progressfit.analysis.compute_growth import optimal_doubling_time as optimal_doubling_time
    from progressfit.analysis.compute_growth import optimal_growth as optimal_growth
    from progressfit.analysis.conventions import conventions as conventions
    from progressfit.analysis.designs import Design as Design
    from progressfit.analysis.designs import designs as designs
    from progressfit.analysis.envelope import envelope_allocation as envelope_allocation
    from progressfit.analysis.forecast import forecast as forecast
    from progressfit.analysis.gain import allocation_gain as allocation_gain
    from progressfit.analysis.gain import innovation_curve as innovation_curve
    from progressfit.analysis.gain import innovation_gain as innovation_gain
    from progressfit.analysis.gain import law_gain as law_gain
    from progressfit.analysis.gain import scale_dependence as scale_dependence
    from progressfit.analysis.heldout import forward_validation as forward_validation
    from progressfit.analysis.identification import identify as identify
    from progressfit.analysis.identification_result import Identifiability as Identifiability
    from progressfit.analysis.identify import determined as determined
    from progressfit.analysis.influence import influence as influence
    from progressfit.analysis.influence import leave_out as leave_out
    from progressfit.analysis.irreducible import free_irreducible_error as free_irreducible_error
    from progressfit.analysis.irreducible import irreducible_error as irreducible_error
    from progressfit.analysis.isoflop import isoflop_allocation as isoflop_allocation
    from progressfit.analysis.limits import with_ceiling as with_ceiling
    from progressfit.analysis.limits import with_irreducible_loss as with_irreducible_loss
    from progressfit.analysis.measurement import errors_in_variables as errors_in_variables
    from progressfit.analysis.multiverse import Universe as Universe
    from progressfit.analysis.multiverse import multiverse as multiverse
    from progressfit.analysis.outlook import outlook as outlook
    from progressfit.analysis.overlearning import carried_over as carried_over
    from progressfit.analysis.overlearning import control_slopes as control_slopes
    from progressfit.analysis.overlearning import overlearning as overlearning
    from progressfit.analysis.predict import extrapolation as extrapolation
    from progressfit.analysis.predict import predict as predict
    from progressfit.analysis.predict import predict_intervals as predict_intervals
    from progressfit.analysis.prior_predictive import prior_predictive as prior_predictive
    from progressfit.analysis.priors import power_scaling as power_scaling
    from progressfit.analysis.priors import prior_derivatives as prior_derivatives
    from progressfit.analysis.priors import prior_sweep as prior_sweep
    from progressfit.analysis.priors import rescaled_priors as rescaled_priors
    from progressfit.analysis.recover import recover as recover
    from progressfit.analysis.selection import filtered as filtered
    from progressfit.analysis.selection import selection as selection
    from progressfit.analysis.simex import simex as simex
    from progressfit.analysis.threshold import pareto_frontier as pareto_frontier
    from progressfit.analysis.threshold import required_input as required_input
    from progressfit.analysis.threshold import threshold_reading as threshold_reading
    from progressfit.analysis.transfer import transfer as transfer
    from progressfit.analysis.transfer_exponent import data_transfer as data_transfer
    from progressfit.analysis.transfer_exponent import transfer_exponents as transfer_exponents
    from progressfit.analysis.transfer_exponent import with_transfer as with_transfer
    from progressfit.analysis.trend_shapes import trend_breaks as trend_breaks
    from progressfit.analysis.trend_shapes import trend_forms as trend_forms
    from progressfit.analysis.trend_shapes import with_trend as with_trend
    from progressfit.analysis.trends import trends as trends
    from progressfit.analysis.validation import cross_validate as cross_validate
    from progressfit.analysis.variants import variants as variants
    from progressfit.bars import progress_bars as progress_bars
    from progressfit.cache import compile_cache as compile_cache
    from progressfit.dataset import Dataset as Dataset
    from progressfit.dataset import Record as Record
    from progressfit.density import log_density as log_density
    from progressfit.density import numpyro_model as numpyro_model
    from progressfit.frame import TableError as TableError
    from progressfit.growth import doubling_interval as doubling_interval
    from progressfit.growth import doubling_time as doubling_time
    from progressfit.growth import growth_rate as growth_rate
    from progressfit.infer.bootstrap import bootstrap as bootstrap
    from progressfit.infer.check import check as check
    from progressfit.infer.checkpoint import keep_partial as keep_partial
    from progressfit.infer.laplace import laplace as laplace
    from progressfit.infer.load import load as load
    from progressfit.infer.optimise import fit as fit
    from progressfit.infer.optimise import start_grid as start_grid
    from progressfit.infer.outcomes import RESULTS as RESULTS
    from progressfit.infer.prepare import prepare as prepare
    from progressfit.infer.profile import profile as profile
    from progressfit.infer.profile_result import Profile as Profile
    from progressfit.infer.result import Draws as Draws
    from progressfit.infer.result import Fit as Fit
    from progressfit.infer.sample import sample as sample
    from progressfit.model import Model as Model
    from progressfit.model import channels as channels
    from progressfit.model import components as components
    from progressfit.params import Tied as Tied
    from progressfit.params import fix as fix
    from progressfit.params import free as free
    from progressfit.params import tie as tie
    from progressfit.ready_density import LogDensity as LogDensity
    from progressfit.report.cite import cite as cite
    from progressfit.report.table import summary as summary

__all__ = [*_HOMES, *_NAMESPACES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _NAMESPACES:
        return importlib.import_module(f"progressfit.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"progressfit.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'progressfit' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
