"""Codes of pairs of pictures, and the view that is missing: `python -m corrmcnn.predict RUN INPUT [--given left]`."""

from commands.predict import main
from corrnet.predict import AskViews, answer, read

if __name__ == "__main__":
    main("corrmcnn", AskViews, answer, read)
