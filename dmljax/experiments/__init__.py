"""The paper's tables and figures, a file for each kind: which runs it needs, and what it shows of them.

A file has `TITLE`, `ITEMS` (the paper's names of what it gives), `members(request)` and `show(rows, out)`;
with `NEEDS`, files without which a run is of no use to it; with `SPEED`, networks whose frames a second are
measured when all runs are done; with `beside(rows, item)`, a column of ours in the item's published tables.
"""
