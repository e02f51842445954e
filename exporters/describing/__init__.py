"""The Triton configuration of a model, and the files that it names."""
