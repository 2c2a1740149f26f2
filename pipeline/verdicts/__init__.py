"""Claims, criteria, the verdicts on them, and published values to compare with."""
