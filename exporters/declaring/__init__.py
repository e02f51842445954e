"""From what an author wrote to a complete ModelSpec."""
