"""The eager module, and the answers that every artefact must give."""
