"""A Weights & Biases server for tests: on this machine only, with all its state in memory, and with faults on order.

`server.WandbServer` is what tests use; the fixture `wandb_server` starts one. It takes what wandb 0.31 (runs online,
`wandb sync`, the public API) and wandb_workspaces (reports) send, and gives back what it was sent.
"""
