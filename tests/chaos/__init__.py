"""What survives what: faults at every operation, kills at every point, a warehouse that was touched, two at once.

``python -m tests.chaos`` (``make chaos``) runs every case and writes the table of docs/explanation/chaos.md. It can be
stopped at any time: what has run stands in a journal, and the next run goes on.
"""
