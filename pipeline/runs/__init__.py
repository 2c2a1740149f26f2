"""One training run: built from settings, tuned, trained, resumed, its activations extracted."""
