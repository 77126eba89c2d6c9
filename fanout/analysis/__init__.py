"""Analyses runs: their figures, what took the time, and how they differ. Pure functions on frozen objects."""
