"""Measures how a coordinator's HTTP client behaves with N agents, what that costs each question, and why."""

__version__ = "0.1.0"
