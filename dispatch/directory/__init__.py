"""The organisation: what its values must be, moving it in and out of files, finding in it, showing it level by level."""
