"""The coordinator process: its clients, its dispatch, and where each question's time goes.

`python -m fanout.coordinator` runs it.
"""
