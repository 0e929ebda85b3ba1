"""Any PyTorch model: a user's file is the subject, trained by ordinary modules and `torch.optim`.

`contract.py` reads the file and says what it must define, `fields.py` is how it is trained,
`data.py` and `members.py` run it, `taps.py` looks inside any module; `subject.py` ties these to the
seam. May import: what `subjects` offers to all.
"""
