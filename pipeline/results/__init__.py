"""Files on disk: paths, safe reading and writing, provenance, fingerprints of code."""
