"""Statistics as one HTML file: plots, tables, example pictures. No network, no script."""

from datapipe.html.page import write as write
