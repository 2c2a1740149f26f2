"""What is asked: settings, sweeps, runs, and the jobs that they need."""
