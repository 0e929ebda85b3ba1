"""A harness for ablation studies of deep character-level MLPs; `flow.py` is the place to start."""
