"""What is passed on: packed data and records, archives."""
