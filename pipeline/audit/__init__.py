"""Whether files, records and code agree; why jobs ran."""
