"""The gateway: who may call a model, how much, and where the request goes."""
