"""Child processes that never outlive this one, and what they may have open."""
