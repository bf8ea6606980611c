"""Recognition: perceptual distances, style descriptors and their embedding, galleries, matching."""
