"""A parameter sweep: one scenario with every combination of some keys' values.

_parameters.py   the keys and their values, as they are given
_grid.py         the combinations, and the scenarios that they are
_plan.py         what is to be run, as it is kept to go on with later
_reference.py    figures from elsewhere, to be put beside the measured ones
_directory.py    where it is run: which runs are there, and which have to be made again
_table.py        what the runs came to
_chart.py        the lines of the chart
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
