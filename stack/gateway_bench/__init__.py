"""`make bench-gateway`: the data plane's cost beside nginx and Python proxies, in one run."""
