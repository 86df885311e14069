"""Backgrounds and the things in them, painted with numpy and pillow."""
