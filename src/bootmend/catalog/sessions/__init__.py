"""Rules on what comes after the kernel has started."""
