"""Training of networks in floats, and how these become the integers of a file. Needs torch."""
