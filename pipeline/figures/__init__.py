"""Family: pictures of tables. One file per figure, with `draw(tables, ...) -> (Figure, DataFrame)`."""

from pipeline import environment

environment.import_matplotlib()  # before a figure imports it
