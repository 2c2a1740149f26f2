"""Checks that result files, records and code agree; reasons why jobs ran."""
