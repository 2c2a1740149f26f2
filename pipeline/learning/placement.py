"""Where gates stand: the hidden layers that a placement names. Without torch, so that jobs can be planned quickly."""

from collections.abc import Mapping, Sequence


def positions(placement: str | Sequence[int] | Mapping[str, int], *, hidden: int) -> list[int]:
    """The hidden layers, of 1…`hidden`, after which gates stand, ascending.

    None stands on the output: the last layer always gets the true gradient.

    Args:
        placement: "none", "middle" (one after layer ceil(hidden / 2)), "every", `{"every": k}` for layers k, 2k, …, or
            the layers themselves.
        hidden: number of hidden layers; a network without any has no gates.

    Raises:
        ValueError: if a layer does not exist in the network.
    """
    if placement == "none" or hidden == 0:
        return []
    if placement == "middle":
        return [(hidden + 1) // 2]
    if placement == "every":
        return list(range(1, hidden + 1))
    if isinstance(placement, Mapping):
        apart = placement["every"]
        if not 1 <= apart <= hidden:
            raise ValueError(f"gates at the layers that {apart} divides: the network has {hidden} hidden layers")
        return list(range(apart, hidden + 1, apart))
    layers = sorted({int(layer) for layer in placement})
    wrong = [layer for layer in layers if not 1 <= layer <= hidden]
    if wrong:
        raise ValueError(f"gates after layers {wrong}: the network has hidden layers 1 to {hidden}")
    return layers
