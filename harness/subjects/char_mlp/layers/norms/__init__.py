"""Norms; each file is named like its level."""
