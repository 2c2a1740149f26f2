"""Builds the site: the pages of docs/ and what is generated from the code, in HTML that needs no network."""
