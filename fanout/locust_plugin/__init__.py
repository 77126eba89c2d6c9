"""The only package that imports Locust, since importing Locust patches the process."""
