"""Files on disk: paths, safe reading and writing, provenance, Snakemake's records, code fingerprints."""
