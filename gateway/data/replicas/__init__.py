"""Several Tritons: which of them a request goes to, and what is known of each."""
