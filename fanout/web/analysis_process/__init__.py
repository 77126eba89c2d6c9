"""The process in which the web pages' runs are read, judged and compared; fanout/web/analyst.py starts it.

__main__.py     the process and its messages
_commands.py    what can be asked
_runs.py        what is asked of single runs
_overview.py    the rows of the list of runs
_advice.py      advice on a run, in progress or ended
_comparison.py  several runs side by side, as tables or as the HTML report
"""
