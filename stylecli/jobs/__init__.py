"""Many jobs: batches and sweeps, and what is watched while they run."""
