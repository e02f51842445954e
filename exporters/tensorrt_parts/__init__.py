"""The parts of the TensorRT format: each is one step from a model to a proven engine."""
