"""One GPU for each local job, and waiting for earlier SLURM jobs."""
