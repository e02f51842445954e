"""The steps that change a repository so that no crash leaves half of one."""
