"""All tables of an analysis as one."""

import pandas as pd

from pipeline.results import paths, store
from pipeline.study.plan import Plan


def of(plan: Plan, study: str, analysis: str) -> pd.DataFrame:
    """What the jobs of `analysis` found, in the order of the jobs; a diverged run adds nothing."""
    parts = [store.read_table(paths.table(study, analysis, job)) for job in plan.jobs(analysis)]
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()
