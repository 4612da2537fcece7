"""Boot failures whose cause lies in partition tables, boot sectors and boot files."""
