"""Classifies pictures with a trained network: `python -m densenet.predict RUN PICTURE... [--out FILE]`."""

from commands.classify import answer
from commands.predict import Ask, main

if __name__ == "__main__":
    main("densenet", Ask, answer)
