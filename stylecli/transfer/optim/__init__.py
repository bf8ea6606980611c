"""Optimization: L-BFGS and Adam on pixels, their preconditioner, and the loop around them."""
