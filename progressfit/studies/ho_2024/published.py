"""Figures published with Ho et al. 2024 (arXiv 2403.05812), and what was recomputed from its table."""

from typing import Final

CITATION: Final = 'Ho et al. 2024, "Algorithmic progress in language models", arXiv 2403.05812'

DELTA: Final = 0.0025
"""Strength of the penalty ``delta * sum |theta|`` of the published fit."""
DELTAS: Final = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.02)
LEVEL: Final = 0.95

LETTERS: Final = (
    *("ac", "ac_ptb", "ac_wt2", "a_year", "a_param"),
    *("bc", "bc_ptb", "bc_wt2", "b_year", "b_data"),
)
POINT: Final = (0.912701, 0.000379, 0.055412, 0.003938, 0.067982, 0.771409, 0.176415, 0.095418, 0.035620, 0.039587)
"""Model 7 as printed, in the order of LETTERS, which is that of the spec's unconstrained vector."""
OBJECTIVE: Final = 0.0518129
DOUBLING_MONTHS: Final = 8.685
"""Effective compute, at the published point."""
BOOTSTRAP_MONTHS: Final = (8.444, 4.518, 14.269)
"""Median, 2.5% and 97.5% quantile of 100 row resamples."""
OPTIMAL_SCALING_MONTHS: Final = (8.57, 4.55, 14.46)
OPTIMAL_COMPUTE, OPTIMAL_YEAR = 1e25, 2023.0
AGGREGATE_MONTHS: Final = (7.9, 1.4, 17.1)
HICKS_NEUTRAL_MONTHS: Final = (11.6, 6.6, 17.6)

# Recomputed from the table by the compilers of the study, beside which a converged fit belongs.
CONVERGED: Final = ((0.05072227, 6.075), (0.0511426, 16.03))
UNPENALISED: Final = ((0.0453030, 10.2), (0.0458858, 5.36))
RUNAWAY: Final = 0.04862
EQUIVALENT_VARIANCE: Final = 0.0453
"""Variance of the residuals with which the Laplace priors of a posterior are as strong as the penalty."""

TRANSFORMER_POINT: Final = (
    *(0.506028, 0.029609, 0.00001, -0.035037, 0.079008),
    *(1.102722, 0.107080, 0.111550, 0.055229, 0.028882),
    2.971978,
)
"""Model 7 with a multiplier for transformers: LETTERS, then gamma."""
TRANSFORMER_OBJECTIVE: Final = 0.0588151
TRANSFORMER_CONVERGED: Final = (0.0579220, 2.976, 5.26)
"""Recomputed: objective, gamma, doubling time in months."""
TRANSFORMER_GAINS: Final = {1e25: (7.2, 3.3, 45.7), 1e22: (6.6, 3.2, 28.2)}
"""Compute -> bootstrap median and 95% interval."""
TRANSFORMER_GAINS_AT_POINT: Final = {1e25: 7.38, 1e22: 6.79}
TRANSFORMER_GAINS_CONVERGED: Final = {1e25: 11.7, 1e22: 8.5}
GAIN_YEAR: Final = 2023.0

CHINCHILLA_GAINS: Final = {1e19: (1.14, 1.141), 1.49e21: (1.75, 1.620), 2.53e24: (4.0, 3.826)}
"""Compute -> published (loose optimiser tolerance and a fitted line), and exact."""
HOFFMANN: Final = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}
KAPLAN: Final = {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}

GUNDLACH_GAIN, GUNDLACH_SHARE = 6926.0, 0.89
"""Gundlach et al. 2025 (arXiv 2511.21622): gain of 2012 to 2023, and the share of it that depends on scale."""

SYSTEMS: Final = {
    "RNN": ("2012-12-01", 6e6, 9.29e5, 4.434),
    "LSTM": ("2016-12-13", 1.1e7, 1.03e8, 3.708),
    "Transformer": ("2018-09-28", 2.47e8, 1.03e8, 3.186),
    "GPT-2": ("2019-02-14", 1.5e9, 4e9, 2.771),
    "GPT-3": ("2020-05-28", 1.75e11, 4.99e11, 2.080),
    "Gopher": ("2021-12-08", 2.8e11, 3e11, 2.006),
    "Chinchilla": ("2022-03-29", 7e10, 1.4e12, 2.046),
}
"""Name -> date, parameters, tokens, predicted loss on WikiText-103."""
PLAYERS: Final = ("parameters", "data", "parameter efficiency", "data efficiency")
SHAPLEY: Final = {
    ("RNN", "LSTM"): (12.7, 46.5, 4.9, 35.9),
    ("RNN", "Transformer"): (40.8, 26.3, 3.7, 29.2),
    ("RNN", "GPT-2"): (42.9, 32.5, 2.8, 21.8),
    ("RNN", "GPT-3"): (48.6, 32.4, 2.1, 16.8),
    ("RNN", "Gopher"): (48.4, 29.8, 2.5, 19.3),
    ("LSTM", "Transformer"): (79.3, 0.0, 2.7, 18.1),
    ("LSTM", "GPT-3"): (64.1, 25.2, 1.4, 9.3),
    ("Transformer", "GPT-2"): (48.7, 46.3, 0.6, 4.3),
    ("Transformer", "GPT-3"): (56.8, 35.9, 0.8, 6.4),
}
"""Per cent, in the order of PLAYERS."""

LEAVE_ONE_OUT: Final = {
    1: (0.05304, 0.05309, 0.05308, 0.05295, 0.05281, 0.05231),
    2: (0.05371, 0.0537, 0.05393, 0.05852, 0.0586, 0.05921),
    3: (0.05294, 0.0529, 0.05262, 0.05249, 0.05235, 0.05222),
    4: (0.05118, 0.0512, 0.05114, 0.05134, 0.05227, 0.05199),
    5: (0.05011, 0.0501, 0.05004, 0.05015, 0.05007, 0.05113),
    6: (0.05034, 0.05021, 0.05018, 0.0503, 0.05049, 0.05162),
    7: (0.05049, 0.05028, 0.04856, 0.04952, 0.04892, 0.0492),
    8: (0.05006, 0.04953, 0.04975, 0.0487, 0.05208, 0.0525),
    9: (0.0505, 0.04996, 0.05097, 0.05042, 0.04963, 0.04925),
    10: (0.04964, 0.04848, 0.049, 0.04913, 0.05009, 0.05105),
    11: (0.05281, 0.05186, 0.05196, 0.0523, 0.05101, 0.05127),
    12: (0.04946, 0.04997, 0.04939, 0.0492, 0.05012, 0.04897),
    13: (0.05227, 0.05267, 0.0507, 0.05028, 0.05005, 0.05018),
    14: (0.06314, 0.06377, 0.0652, 0.06359, 0.06302, 0.06336),
    15: (0.05068, 0.04975, 0.04937, 0.04884, 0.04862, 0.04921),
    16: (0.06599, 0.06663, 0.06701, 0.06486, 0.06431, 0.0631),
    17: (0.06427, 0.06472, 0.06537, 0.06475, 0.06421, 0.06411),
    19: (0.05117, 0.05009, 0.05019, 0.04969, 0.04902, 0.04859),
    20: (0.05095, 0.05045, 0.05018, 0.05009, 0.04939, 0.0498),
}
"""Form -> leave-one-out mean squared error for each of DELTAS, of a random 80% of rows, as published."""
COMPUTE_ONLY_RANGE: Final = (0.72048, 0.73591)
"""Form 18: the range over DELTAS; the single figures were not kept."""
