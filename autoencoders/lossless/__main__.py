"""`python -m autoencoders.lossless`."""

from autoencoders.lossless.command import main

main()
