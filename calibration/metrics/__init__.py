"""How far confidence is from accuracy: with bins, without, and how much of it is chance."""
