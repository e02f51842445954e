"""Limits by leases, before real processes that are killed: judged by who was admitted when."""
