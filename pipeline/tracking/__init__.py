"""Weights & Biases: record runs, read them, send them, build the W&B report."""
