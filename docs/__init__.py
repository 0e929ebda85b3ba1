"""What makes the parts of these pages that come from the code: `generate.py` and `pictures.py`."""
