"""The load that benchmarks put on a media server: publishers and browser-like viewers, as threads without the GIL."""
