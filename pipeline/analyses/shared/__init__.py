"""Parts of analyses: code that several share, and trainings that need torch."""
