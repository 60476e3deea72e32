"""What a person runs on any method: train, tables of runs to do, the demo."""
