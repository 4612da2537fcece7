"""Rules on the registry."""
