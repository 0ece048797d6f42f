"""Four-bit codes written from their definition: blocks of 64, one scale each, the nearest of 16 levels."""

import torch

NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
FP4 = tuple(sign * each / 12 for sign in (1, -1) for each in (0, 0.0625, 8, 12, 4, 6, 2, 3))
LEVELS = {"fp4": FP4, "nf4": NF4}


def rounded(weight: torch.Tensor, code: str) -> torch.Tensor:
    """The weight with each value at the nearest level times its block's largest magnitude."""
    levels = torch.tensor(LEVELS[code], dtype=torch.float64)
    flat = weight.flatten().double()
    made = torch.empty_like(flat)
    for start in range(0, len(flat), 64):
        block = flat[start : start + 64]
        scale = block.abs().max()
        nearest = (block / scale.clamp(min=1e-300))[:, None].sub(levels).abs().argmin(1)
        made[start : start + 64] = levels[nearest] * scale
    return made.reshape(weight.shape).to(weight.dtype)
