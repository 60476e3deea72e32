"""Capsule networks with dynamic routing between capsules (Sabour, Frosst and Hinton 2017)."""
