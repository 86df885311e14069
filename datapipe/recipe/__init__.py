"""Recipes: what a stream does to pictures, as a page of YAML and as frozen dataclasses."""

from datapipe.recipe.options import StreamOptions as StreamOptions
from datapipe.recipe.recipe import Recipe as Recipe
from datapipe.recipe.shipped import shipped as shipped
