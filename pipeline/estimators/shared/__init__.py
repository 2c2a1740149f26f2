"""What several members of the family use."""
