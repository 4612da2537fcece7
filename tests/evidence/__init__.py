"""The readers of what a Windows leaves behind."""
