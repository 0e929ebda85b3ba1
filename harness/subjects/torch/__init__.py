"""Any PyTorch model: each run trained alone, by ordinary modules and `torch.optim`.

`subject.py` is what all such subjects share, `file.py` the subject that a user's file makes, with
the file's contract. `fields.py` is how a run is trained; `data.py`, `members.py`, `optimizers.py`
and `compiled.py` do it. `taps.py` looks inside any module, `check.py` tries a subject before it
trains, `saved.py` loads what was trained. May import: what `subjects` offers to all.
"""
