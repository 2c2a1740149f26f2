"""How fast the engine is, as ratios of two things that are timed in turn; `make bench` runs all of them."""
