"""Pictures: from a file to a `Picture` and back, with color, depth, alpha and metadata kept."""
