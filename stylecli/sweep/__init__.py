"""Sweeps: axes of settings, their grid of jobs, and the report on it."""
