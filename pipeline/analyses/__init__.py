"""Analyses: one file each, `analyse(inputs, ...) -> DataFrame`."""
