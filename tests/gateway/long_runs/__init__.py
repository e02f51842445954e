"""What only shows with time or size: memory over a million requests, many idle clients, a GiB."""
