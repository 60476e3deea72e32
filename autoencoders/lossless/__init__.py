"""Images without loss: a network that foresees each pixel, in integers, and the entropy coder that uses it."""
