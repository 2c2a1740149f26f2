"""Pages for readers: report, review, the generated parts of README."""
