"""Data sets: one file each, `load(root) -> Splits`."""
