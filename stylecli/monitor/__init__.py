"""Monitoring of a run: frames, logs and plots of losses, a live page."""
