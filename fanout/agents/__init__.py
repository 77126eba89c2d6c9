"""A run's handle on the agents that answer: a fleet of ours, or addresses that run already."""
