"""Family: pictures of tables. One file per figure, `draw(tables, ...) -> (Figure, DataFrame)`."""
