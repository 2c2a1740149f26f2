"""Family: estimators that replace the gradient. One file per estimator, `build(units, classes, ...) -> nn.Module`."""
