"""The run directory: written once, read by everything after, with one schema."""
