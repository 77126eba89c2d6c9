"""The agents: Flask apps served by one process each, and the fleet that starts them."""
