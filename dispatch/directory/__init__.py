"""The organisation: what its values must be, files in and out, finding in it, showing it level by level."""
