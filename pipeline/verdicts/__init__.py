"""Claims, criteria, the verdicts on them, and reference values to compare with."""
