"""`python -m autoencoders.codec`."""

from autoencoders.codec.archive import main

main()
