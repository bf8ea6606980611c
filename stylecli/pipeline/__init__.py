"""The pipeline: one job from its files to a file: preflight, inputs, session, checkpoint."""
