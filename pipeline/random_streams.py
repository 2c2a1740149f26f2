"""One named random stream per purpose: two purposes never share numbers, and adding one moves no other."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def seed(purpose: str, *parts: object) -> int:
    """A 63-bit seed from the purpose's name and whatever tells its streams apart (run seed, epoch, layer…)."""
    text = "/".join([purpose, *map(str, parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def numpy_stream(purpose: str, *parts: object) -> np.random.Generator:
    """Numpy's generator for a purpose."""
    return np.random.default_rng(seed(purpose, *parts))


def torch_stream(purpose: str, *parts: object) -> "torch.Generator":
    """Torch's CPU generator for a purpose; draws are moved to a device afterwards, so that all devices start alike."""
    import torch  # 3 s to import: not for stages that do without

    return torch.Generator().manual_seed(seed(purpose, *parts))
