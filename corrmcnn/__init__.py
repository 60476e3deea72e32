"""CorrMCNN: a convolutional correlational network whose two views agree at every step."""
