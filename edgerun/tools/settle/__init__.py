"""Settling what a file leaves open, on images."""
