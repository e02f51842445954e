"""The saved artefact against the eager module, in a process of its own."""
