"""What travels: packed data and records, archives."""
