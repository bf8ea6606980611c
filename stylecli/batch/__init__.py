"""Batches: a list of jobs planned, grouped, made by workers, each recorded when it is in place."""
