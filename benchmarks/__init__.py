"""Compare lmcodec with its peers on the corpora: ``python -m benchmarks --help``."""
