"""What a person sees of a run: page, summary, pictures and tables, all made from a `Run`."""
