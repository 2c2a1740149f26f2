"""Family: how similar two layers are. One file per measure, `prepare(x, ...)`."""
