"""The published system and what explains it: its figures, the ablation, the headline, the price of a handshake."""
