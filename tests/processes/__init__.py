"""Child processes and pipes."""
