"""Family: similarity of two layers. One file per measure, with `prepare(x, ...)` and `compare(a, b)`."""
