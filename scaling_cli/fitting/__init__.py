"""Runs become a law: the objective, its global minimum, and what the runs can identify."""
