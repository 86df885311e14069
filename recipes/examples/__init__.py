"""The stream in front of other people's detectors: Keras, torchvision, a plain loop. Short, to be copied."""
