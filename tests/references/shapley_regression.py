"""The constrained regression of Kernel SHAP by its Lagrange conditions, one row a subset: slow, and easy to believe."""

from collections.abc import Callable

import numpy as np


def shapley_regression(value: Callable[[np.ndarray], np.ndarray], keep: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The φ with Σφ = v(all) − v(none) that makes Σ_S w_S (v(S) − v(none) − Σ_{i∈S} φ_i)² least."""
    features = keep.shape[1]
    empty, full = value(np.array([[False], [True]]).repeat(features, axis=1))
    kept = keep.astype(float)
    gram = kept.T @ (weights[:, None] * kept)
    moments = kept.T @ (weights * (value(keep) - empty))
    # stationarity in φ, and the constraint, whose multiplier is the last unknown
    system = np.block([[gram, np.ones((features, 1))], [np.ones((1, features)), np.zeros((1, 1))]])
    return np.linalg.solve(system, np.append(moments, full - empty))[:features]
