"""The agents, each a process that serves a Flask app, and the fleet that starts them."""
