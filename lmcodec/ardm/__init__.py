"""Order-agnostic autoregressive diffusion: networks that fill in items of a fixed shape.

`config` and `schedule` need numpy alone; `model`, `trainer` and `export` need torch.
"""
