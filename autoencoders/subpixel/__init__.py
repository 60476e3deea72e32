"""Sub-pixel convolution: the layer, its equality with the transposed convolution, and a study of both."""
