"""What the integration tests share: a real broker, the host, producers, a faulty network.

Everything that waits waits for an event with a deadline; everything that is started is ended by its
process id, whatever a test does.
"""
