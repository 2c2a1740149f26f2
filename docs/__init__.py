"""The documentation: pages, and the generator of the site."""
