"""Feature attribution methods, one a file."""

from attrimark_registry import Method, hookimpl

from .gradient import Gradient
from .input_x_gradient import InputXGradient
from .integrated_gradients import IntegratedGradients
from .leave_one_out import LeaveOneOut
from .random import Random
from .shapley_exact import ShapleyExact
from .shapley_sampling import ShapleySampling


@hookimpl
def register_methods() -> list[type[Method]]:
    return [Random, LeaveOneOut, ShapleySampling, ShapleyExact, Gradient, InputXGradient, IntegratedGradients]
