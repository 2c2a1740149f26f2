"""Family: what replaces the gradient. One file per estimator, `build(units, classes, ...) -> nn.Module`."""
