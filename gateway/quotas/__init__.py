"""Quotas that are exact and cheap: units on lease from a store, spent where requests arrive."""
