"""The way of the service that take5 replaces: a poll loop over confluent-kafka, a handler for each
topic, what it raises is logged. For tests that run a script here and under take5."""
