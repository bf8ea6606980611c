"""The objective J(G): content and style losses, their targets, octaves, regions and tiles."""
