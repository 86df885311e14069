"""The three detectors as Keras models: float32 RGB pixels from 0 to 255 in, raw outputs out.

`width` and `depth` make smaller versions of the same architecture: a quarter of the channels, fewer blocks.
Layers "stage1", "stage2", ... end the backbone's stages.
Outputs are in the order of `datapipe.targets`: level by level, row by row, column by column, shape by shape.
"""
