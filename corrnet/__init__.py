"""CorrNet: one code for two views that rebuilds either from either, and the CCA family it is compared with."""
