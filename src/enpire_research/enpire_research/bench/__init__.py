"""Measures what the graph costs: gate, tick, cameras, memory. Run by `enpire bench`."""
