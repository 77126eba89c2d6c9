"""How a coordinator's HTTP client behaves when it talks to N agents, what each question pays for it, and why."""

__version__ = "0.1.0"
