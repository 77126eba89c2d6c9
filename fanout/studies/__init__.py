"""Studies of the published system: its figures, the headline runs, the ablation, the cost of a handshake."""
