"""Machines: one GPU for one job, and waiting for jobs that SLURM still has."""
