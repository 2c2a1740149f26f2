"""Weights & Biases (W&B): record runs, read and upload them, build the W&B report."""
