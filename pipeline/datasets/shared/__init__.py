"""Parts that several data sets share: files and their sources, splits, constructions."""
