"""How fast this machine trains: ratios of things timed side by side, against their targets.

`ways` are the ways to take a step, and `timing` times them in turn. `rows`, `cores` and `whole`
make the rows of the table, the last with whole commands (`command`). `machine` keeps them with what
was measured on, `ladder` draws them. `overhead` is a benchmark of its own.
"""
