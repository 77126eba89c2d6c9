"""The pages of the web UI: start a run, watch it, list the runs, and compare them."""
