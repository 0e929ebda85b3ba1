"""The layers, written to be read; tests compare them with those of `torch.nn`.

B rows, T tokens, C units of width, H heads, D = C / H units of a head.
"""
