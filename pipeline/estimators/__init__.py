"""Gradient estimators: one file each, `build(units, classes, ...) -> nn.Module`."""
