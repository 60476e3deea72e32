"""What `make bench` runs: ratios against public baselines, measured in one process, interleaved, medians."""
