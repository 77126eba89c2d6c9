"""A parameter sweep: one scenario with every combination of some keys' values.

_parameters.py   parses the swept keys and their values
_grid.py         builds the combinations and their scenarios
_plan.py         what to run, kept in sweep.json so that a sweep can be resumed
_reference.py    reads figures from elsewhere, which are shown beside the measured ones
_directory.py    locks the sweep's directory, and tells complete runs from broken ones
_table.py        the results as a table
_chart.py        the results as a chart
"""

from fanout.sweep._chart import draw
from fanout.sweep._directory import claimed, finished_run, remove_run
from fanout.sweep._grid import grid_of
from fanout.sweep._parameters import Parameter, parse_parameters
from fanout.sweep._plan import MAX_RUNS, Combination, Plan, Reference, read_plan, write_plan
from fanout.sweep._reference import read_reference
from fanout.sweep._table import TABLE_FILE, rows_of, sweep_report

__all__ = [
    "MAX_RUNS",
    "TABLE_FILE",
    "Combination",
    "Parameter",
    "Plan",
    "Reference",
    "claimed",
    "draw",
    "finished_run",
    "grid_of",
    "parse_parameters",
    "read_plan",
    "read_reference",
    "remove_run",
    "rows_of",
    "sweep_report",
    "write_plan",
]
