"""Similarity measures between representations: one file each, `measure(a, b) -> float`."""
