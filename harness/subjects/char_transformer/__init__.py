"""The small character-level transformer of the makemore lectures, and what it can do without.

`fields.py` says what may vary; `network.py` and `layers/` are the network. `data.py` and
`sequences.py` make rows of words, `entropy.py` measures attention, `sampling.py` writes words.
`responses.py`, `figures.py`, `predictions.py` and `text.py` define what reports show of it. May
import: the shared helpers in `subjects/`, and `subjects/torch`. Only training and sampling load
torch.
"""
