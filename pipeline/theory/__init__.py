"""Linear models: exact optima, largest rates, their training in numpy (claims C5 to C8)."""
