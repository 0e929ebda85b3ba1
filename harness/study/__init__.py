"""Study files, levels, claims, and the plan of runs that follows from them.

`study.py` is a study, `files.py` reads one, `claims.py` states what is to be tested, `partial.py`
what a grid leaves out, `plan.py` expands a study to runs and groups them into stacks, `request.py`
is what a command line asks for.
May import: `errors`, `files`, `subjects`. It uses only the interface in `subjects/subject.py`.
"""
