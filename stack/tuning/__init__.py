"""`conch tune`: looks for the serving values of a model that do best on this machine."""
