"""The checks, by topic; importing a module registers what it holds."""
