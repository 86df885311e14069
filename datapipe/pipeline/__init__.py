"""The bridge from the NumPy stream to TensorFlow, PyTorch and anything else; importing it imports neither."""

from datapipe.pipeline.feed import Feed as Feed
from datapipe.pipeline.feed import as_numpy as as_numpy
from datapipe.pipeline.streams import eval_stream as eval_stream
from datapipe.pipeline.streams import keras_boxes as keras_boxes
from datapipe.pipeline.streams import torch_dataset as torch_dataset
from datapipe.pipeline.streams import train_stream as train_stream
