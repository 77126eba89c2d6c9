"""Child processes that never outlive this one, and their limits on open files."""
