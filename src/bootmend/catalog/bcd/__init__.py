"""Boot failures whose cause lies in the boot configuration."""
