"""Python-based Triton backends: what runs a model where NVIDIA's C++ backends are not."""
