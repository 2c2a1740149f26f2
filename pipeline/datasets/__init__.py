"""Family: the data. One file per data set, `load(root) -> Dataset`."""
