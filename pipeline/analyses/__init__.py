"""Family: tables and headline numbers from runs. One file per analysis, with `analyse(inputs, ...) -> DataFrame`."""
