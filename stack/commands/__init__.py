"""One file for each verb of the `conch` command."""
