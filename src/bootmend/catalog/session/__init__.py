"""Failures after the kernel has started: set-up, sessions, and what is saved of them."""
