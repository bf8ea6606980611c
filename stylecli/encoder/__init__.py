"""Encoders: VGG networks, pictures to features, and the weights that this takes."""
