"""Ways to recalibrate a classifier, and the checks of what they are given."""
