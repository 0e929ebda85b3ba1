"""Normalisations: the file's name is the level's name."""
