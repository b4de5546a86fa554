"""Figures of Hernandez and Brown 2020 (arXiv 2005.04305), and those recomputed from their table."""

from typing import Final

CITATION: Final = (
    'Hernandez and Brown 2020, "Measuring the algorithmic efficiency of neural networks", arXiv 2005.04305'
)
LEVEL: Final = 0.95
TARGET: Final = "alexnet_level"
FLOP_PER_DAY: Final = 8.64e16  # of a teraflop/s

# Abstract: 44 times less compute in 2019 than in 2012, efficiency doubling every 16 months.
REDUCTION: Final = 44.0
DOUBLING_MONTHS: Final = 16.0

# Recomputed from the six points of the table, to the digits given: months by least squares of ln FLOP on the date as
# listed and with the dates of the papers, months between the first and the last point, correlation.
LEAST_SQUARES_MONTHS: Final = 15.68
CORRECTED_MONTHS: Final = 14.85
END_POINT_MONTHS: Final = 15.27
CORRELATION: Final = -0.991
MONTHS_TOLERANCE: Final = 0.005

# Compute as listed, in teraflop/s-days, is rounded: to 0.1 for AlexNet (3.1), to 0.001 for EfficientNet-b0 (0.069).
ROUNDING: Final = {"AlexNet": 0.05, "EfficientNet (b0)": 0.0005}
