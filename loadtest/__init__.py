"""Load tests: what the stack holds, measured with Locust."""
