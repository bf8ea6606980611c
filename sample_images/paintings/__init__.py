"""The paintings of this folder, each in a module of its own."""
