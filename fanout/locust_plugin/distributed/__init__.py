"""Runs over several Locust processes: workers ask, and each row reaches the master's run directory exactly once."""
