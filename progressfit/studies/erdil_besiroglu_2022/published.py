"""Figures of Erdil and Besiroglu 2022 (arXiv 2212.05153), read in the paper and the released notebook.

Figures marked "recomputed" were not published; they were computed from the released table by an independent
implementation while this study was prepared.
"""

from typing import NamedTuple

CITATION = 'Erdil and Besiroglu 2022, "Algorithmic progress in computer vision", arXiv 2212.05153'

COMPUTE_EFF, DATA_EFF = "compute efficiency", "data efficiency"


class Parameter(NamedTuple):
    """A published parameter: dotted path here, point estimate, bootstrap 2.5% and 97.5% points."""

    path: str
    point: float
    low: float
    high: float


PARAMETERS = {
    "const_year": Parameter("compute.const", 0.889338, 0.606529, 1.981479),
    "beta_year": Parameter("compute.progress.rate", 0.158895, 0.012517, 0.212297),
    "beta_compute": Parameter("compute.scaling.slope", 0.154499, 0.070176, 0.249275),
    "const_data": Parameter("data.const", 1.782682, 1.118821, 2.308797),
    "beta_data": Parameter("data.scaling.slope", 0.063199, 0.048043, 0.104872),
    "beta_year_2": Parameter("data.progress.rate", 0.019822, -0.031772, 0.132078),
    "log_scale": Parameter("noise.log_scale", -2.160454, -2.394913, -2.081804),
}
PARAMETER_TOLERANCE = 1e-4

LOG_LIKELIHOOD = 267.0627  # on the accuracy scale
RATE = 0.158895 / 0.154499
RATE_BOOTSTRAP_MEAN = 1.0096
RATE_INTERVAL = (0.246, 2.152)
DATA_RATE_INTERVAL = (-0.470, 1.345)
HALVING_INTERVAL = (3.555, 25.40)  # months; their "4 to 25"
BOOTSTRAP_REPLICATES = 100  # 99 resamples and the point fit

HALVING_AT_MAP = 8.087  # months, recomputed
LOG_POSTERIORS = (68.586, 64.038)  # optima A and B, on the logit scale, recomputed
LAPLACE_MASS_B = 0.0247  # recomputed

BASELINE = {  # ordinary least squares of logit accuracy; year counted from 1900
    "const": ("const", -11.6571),
    "year": ("progress.rate", 0.0876),
    "ln_compute": ("compute.slope", 0.0394),
    "ln_parameters": ("parameters.slope", 0.0215),
    "ln_images": ("data.slope", 0.0366),
}
BASELINE_R2 = 0.891
BASELINE_LOG_LIKELIHOOD = 262.40

COMMON_DATA = 1.28e6  # images of ImageNet-1k, as listed

ENDPOINTS = {  # decimal date, training images, training FLOP
    "AlexNet": (2012.94246, 1.28e6, 4.7e17),
    "ResNet-50": (2015.96164, 1.28e6, 2.92e18),
    "ResNeXt-101": (2016.978, 1.28e6, 3.07e18),
    "BiT-L": (2019.96986, 3e8, 8.79e21),
    "ViT-H/14": (2020.87671, 3.06e8, 7.4e21),
    "ViT-e": (2022.33973, 3.3e9, 1.07e23),
}
PREDICTED = {
    "AlexNet": 0.635,
    "ResNet-50": 0.744,
    "ResNeXt-101": 0.763,
    "BiT-L": 0.887,
    "ViT-H/14": 0.890,
    "ViT-e": 0.913,
}
PLAYERS = (DATA_EFF, COMPUTE_EFF, "data", "compute")
SHAPLEY = {  # shares of the change in accuracy, in the order of PLAYERS
    ("AlexNet", "ResNet-50"): (0.052, 0.597, 0.0, 0.351),
    ("AlexNet", "ResNeXt-101"): (0.059, 0.647, 0.0, 0.293),
    ("AlexNet", "BiT-L"): (0.049, 0.359, 0.121, 0.472),
    ("AlexNet", "ViT-H/14"): (0.054, 0.383, 0.119, 0.444),
    ("AlexNet", "ViT-e"): (0.056, 0.360, 0.148, 0.436),
    ("ResNet-50", "BiT-L"): (0.051, 0.256, 0.220, 0.473),
    ("ResNet-50", "ViT-e"): (0.064, 0.277, 0.250, 0.409),
    ("ResNeXt-101", "ViT-e"): (0.061, 0.242, 0.281, 0.416),
    ("BiT-L", "ViT-H/14"): (0.362, 0.751, 0.025, -0.139),
    ("ViT-H/14", "ViT-e"): (0.095, 0.151, 0.490, 0.265),
}
SHAPLEY_TOLERANCE = 0.005
GAINS = {  # compute-equivalent gain from AlexNet, by logit shares; by accuracy shares where recomputed
    "ResNet-50": (22.39, None),
    "ResNeXt-101": (64.06, None),
    "BiT-L": (1406.0, 1784.0),
    "ViT-H/14": (3564.0, None),
    "ViT-e": (17340.0, 26546.0),
}
GAIN_TOLERANCE = 0.01  # relative

THRESHOLDS = {  # level: published months (on a grid of compute), exact months (recomputed)
    0.60: (7.72, 7.68),
    0.70: (7.46, 7.46),
    0.80: (6.71, 6.70),
    0.84: (5.35, None),
    0.87: (0.577, None),
    0.88: (0.674, None),
}
GRID_STEP = 0.0953102  # ln 1.1: the authors' grid is 1000 * 1.1^k FLOP
FRONTIER_LEVELS = (0.633, 0.80, 0.909)

CONVENTIONS = {  # columns of the table: halving in months and log-likelihood, recomputed
    "published": (8.09, 267.06),
    "corrected": (9.85, 272.46),
    "recounted": (15.46, 281.98),
}
