"""Headline numbers: names, intervals, summaries, and how numbers are written."""
