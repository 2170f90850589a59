"""Work that may be done elsewhere: item by item in this process, or by the workers of a cluster."""

from dissect.pool.mapping import mapped

__all__ = ["mapped"]
