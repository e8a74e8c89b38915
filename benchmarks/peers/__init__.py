"""The media servers that a benchmark compares, each behind the same few verbs."""
