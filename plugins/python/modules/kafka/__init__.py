"""The interface of the service that take5 replaces, for scripts that were written for it."""
