"""What only shows with time or size: memory, many idle clients, a GiB, limits over failures."""
