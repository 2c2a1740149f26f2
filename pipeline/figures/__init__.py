"""Family: pictures of tables. One file per figure, with `draw(tables, ...) -> (Figure, DataFrame)`."""
