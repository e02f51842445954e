"""The process that sends: `python -m loadtest.generator`, which generator_process.py starts."""
