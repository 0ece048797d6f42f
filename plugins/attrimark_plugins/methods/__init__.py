"""Feature attribution methods, one a file."""

from attrimark_registry import Method, hookimpl

from .attention_gradcam import AttentionGradcam
from .attention_rollout import AttentionRollout
from .gradient import Gradient
from .input_x_gradient import InputXGradient
from .integrated_gradients import IntegratedGradients
from .kernel_shap import KernelShap
from .leave_one_out import LeaveOneOut
from .leverage_shap import LeverageShap
from .lrp import Lrp
from .random import Random
from .raw_attention import RawAttention
from .shapley_antithetic import ShapleyAntithetic
from .shapley_exact import ShapleyExact
from .shapley_sampling import ShapleySampling
from .tuco import TuCo


@hookimpl
def register_methods() -> list[type[Method]]:
    return [
        Random,
        LeaveOneOut,
        ShapleySampling,
        ShapleyAntithetic,
        KernelShap,
        LeverageShap,
        ShapleyExact,
        Gradient,
        InputXGradient,
        IntegratedGradients,
        Lrp,
        RawAttention,
        AttentionRollout,
        AttentionGradcam,
        TuCo,
    ]
