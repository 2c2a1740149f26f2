"""Rows of the table of learning, made up."""


def rows(method, hidden, values, *, varied=None, quantity="test_accuracy", final=True):
    """A row for each seed; `values` are by seed, or in the order of the seeds from 0 on."""
    by_seed = values if isinstance(values, dict) else dict(enumerate(values))
    who = {"method": method, "hidden": hidden, "varied": varied or f"network.hidden={hidden}"}
    return [
        {**who, "run": f"{method}{hidden}{seed}", "seed": seed, "quantity": quantity, "value": value, "final": final}
        for seed, value in by_seed.items()
    ]
