"""One file per Snakemake rule: parse arguments, read files, call the science, write the result."""
