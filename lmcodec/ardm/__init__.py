"""Order-agnostic autoregressive diffusion: networks that fill in items of a fixed shape.

`config`, `schedule` and `groups` need numpy alone; `model`, `trainer`, `export` and `restore` need
torch, and so does what `host` makes.
"""
