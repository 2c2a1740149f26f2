"""Family: tables and headline numbers from runs. One file per analysis, `analyse(inputs, ...) -> DataFrame`."""
