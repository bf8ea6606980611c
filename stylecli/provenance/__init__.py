"""Provenance: recipes inside pictures, hashes of inputs, and what follows from them."""
