"""Family: data sets. One file per data set, with `FILES`, their `SOURCES`, and `load(root) -> Dataset`."""
