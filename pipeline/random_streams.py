"""Named random streams, one per purpose: purposes never share numbers, and adding one changes no other."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def seed(purpose: str, *parts: object) -> int:
    """A 63-bit seed from the purpose's name and the parts that distinguish its streams (run seed, epoch, layer…)."""
    text = "/".join([purpose, *map(str, parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def numpy_stream(purpose: str, *parts: object) -> np.random.Generator:
    """A numpy generator for a purpose."""
    return np.random.default_rng(seed(purpose, *parts))


def torch_stream(purpose: str, *parts: object) -> "torch.Generator":
    """A torch CPU generator for a purpose. Draws are moved to a device later, so all devices get the same numbers."""
    import torch  # takes 3 s to import, and not all stages need it

    return torch.Generator().manual_seed(seed(purpose, *parts))
