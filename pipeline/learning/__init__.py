"""The learning rule: gates, networks, the trainer. No files, no settings."""
