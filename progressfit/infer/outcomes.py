"""Every outcome of a fit, a bootstrap or a sampler, as a sentence a user understands."""

import enum


class RESULTS(enum.Enum):
    """Every outcome is a sentence."""

    CONVERGED = (
        "Converged: the optimality conditions hold, the curvature is that of an optimum, and no start found a better "
        "one."
    )
    STEP_LIMIT = "Not certified: the best start stopped at the step limit; raise max_steps or give better starts."
    STALLED = "Not certified: the best start stopped where no step improves, yet the gradient does not vanish."
    NOT_SMOOTH = (
        "Not certified: the objective has kinks (Laplace noise or a Laplace prior), and the subgradient conditions "
        "do not hold at the best point; give better starts, or use Huber noise with a small delta or Student-t noise."
    )
    NOT_FINITE = "Failed: from no start did the objective stay finite; check the priors' range and the data's units."
    NOT_A_MINIMUM = "Not certified: the curvature at the best point is not that of an optimum (flat or a saddle)."
    AT_BOUND = "Not certified: a parameter ran to the edge of its range or towards infinity."
    STARTS_DISAGREE = "Not certified: only one start reached the best optimum; use more starts."
    NOT_IDENTIFIED = (
        "Not identified: the data leave a direction of the parameters undetermined; only the prior, if any, speaks "
        "there."
    )
    REPLICATES_FAILED = "Not certified: some replicates did not converge; they are counted and left out of intervals."
    FEW_CLUSTERS = (
        "Not certified: fewer than ten clusters; their resamples are too few to show how far the answer moves."
    )
    POOR_MIXING = (
        "Not certified: the chains have not mixed; draw for longer (warmup and draws), give better priors, or use "
        "method='smc'."
    )
    DIVERGENCES = (
        "Not certified: some trajectories diverged, so parts of the posterior may be missing; raise target_accept, or "
        "use method='smc'."
    )
    ROUGH_ENERGY = (
        "Not certified: the chains did not explore all energies, or their trajectories were cut short; draw for "
        "longer, raise max_tree_depth, or use method='smc'."
    )
    MODES_DISAGREE = (
        "Not certified: the chains give the known optima other weights than importance sampling does; draw for longer, "
        "or use method='smc'."
    )
    POOR_WEIGHTS = "Not certified: a few draws carry most of the importance weight; use method='nuts' or method='smc'."
