"""Compute resources: device and precision, the C library's malloc, CUDA graphs."""
