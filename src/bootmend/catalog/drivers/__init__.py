"""Rules on drivers and services."""
