"""Figures: one file each, `draw(tables, ...) -> Figure`."""
