"""How fast this machine trains: ratios of things timed side by side, against their targets.

`ways` are the ways to take a step, `timing` times them in turn, `rows`, `cores` and `whole` make
the rows of the table, `ladder` draws them.
"""
