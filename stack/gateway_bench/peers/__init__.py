"""Proxies as they are usually written in Python, with the duties that nginx and Conch have."""
