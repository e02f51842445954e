"""Proxies as they are usually written in Python, with a key lookup and nothing else."""
