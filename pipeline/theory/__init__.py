"""Linear models in numpy: exact optima, training, and the largest rates that converge (claims C5 to C8)."""
