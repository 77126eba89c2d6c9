"""What a run comes to, what held it up, and how runs differ: pure functions on frozen objects."""
