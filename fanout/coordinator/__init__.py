"""The process that asks: its clients, its dispatch, and where each question's time goes.

`python -m fanout.coordinator` is the process.
"""
