"""Find where a convolutional network aliases, fix it, prove it."""
