"""Exporters: a trained PyTorch model becomes a proven, versioned folder of the model repository."""
