"""What several formats need to capture and to write a module."""
