"""Classifies pictures with calibrated probabilities: `python -m calibration.predict RUN PICTURE... [--out FILE]`."""

from commands.classify import answer
from commands.predict import Ask, main

if __name__ == "__main__":
    main("calibration", Ask, answer)
