"""What is asked: study files, levels, claims, and the plan that follows from them.

`study.py` is a study, `files.py` reads one, `claims.py` states what is to be tested, `plan.py`
expands a study to runs and groups them into stacks, `request.py` is what a command line asks for.
May import: `subjects`. It knows a subject by `harness.subjects.subject` alone, and no results.
"""
