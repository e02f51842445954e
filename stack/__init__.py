"""The `conch` command: finds, starts and supervises Triton and joins the three wings."""
