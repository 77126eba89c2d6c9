"""Everything that imports Locust, and nothing else does, since importing it patches the process."""
