"""What jobs ask of a machine: time, memory, a GPU; waiting for SLURM jobs."""
