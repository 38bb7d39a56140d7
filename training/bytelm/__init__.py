"""Trains `bytelm`, the byte model that ships with the package. Needs torch."""
