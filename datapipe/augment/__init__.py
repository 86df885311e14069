"""Augmentation: planned first as geometry, rendered once as pixels, and what survives of each object."""
