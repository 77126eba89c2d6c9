"""A run's handle on its agents: a fleet that it starts, or the addresses of running agents."""
