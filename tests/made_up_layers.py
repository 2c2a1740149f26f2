"""Layers with known relations, for the tests of measures."""

import numpy as np


def related(generator):
    """Two layers of 6 and 5 units with a shared part, and with unequal variances and means."""
    shared = generator.standard_normal((90, 4))
    x = np.column_stack([shared, generator.standard_normal((90, 2))]) @ generator.standard_normal((6, 6)) + 2
    y = shared @ generator.standard_normal((4, 5)) * 3 + generator.standard_normal((90, 5)) - 1
    return x, y


def rotation(generator, d):
    return np.linalg.qr(generator.standard_normal((d, d)))[0]


def orthonormal(generator, n, d):
    """Centred orthonormal columns."""
    return np.linalg.qr(np.column_stack([np.ones(n), generator.standard_normal((n, d))]))[0][:, 1:]


def with_spectrum(generator, rho, n=80):
    """Orthonormal layers with the canonical correlations `rho`."""
    rho = np.asarray(rho)
    q = orthonormal(generator, n, 2 * len(rho))
    x, rest = q[:, : len(rho)], q[:, len(rho) :]
    return x, x * rho + rest * np.sqrt(1 - rho**2)
