"""The coordinator; `python -m fanout.coordinator` is its process."""

from fanout.coordinator._coordinator import Coordinator

__all__ = ["Coordinator"]
