"""Data sets shared by all methods: images, two views, synthetic modalities, corruption. NumPy only."""
