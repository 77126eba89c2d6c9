"""The run directory: its writer, its reader and its schema."""
