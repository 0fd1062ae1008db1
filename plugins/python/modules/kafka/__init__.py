"""The interface of the service that take5 replaces, for scripts that were written for it."""
import _take5

from take5._bridge import HIDDEN


def __getattr__(name):
    if name.startswith("__") or _take5.source(f"kafka.{name}") is not None:
        raise AttributeError(name)  # a module is imported then
    raise ImportError(f"kafka.{name} is not among what take5 has of it: {HIDDEN['kafka']}")
