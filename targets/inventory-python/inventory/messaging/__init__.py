"""Messages between services, over RabbitMQ.

Publishing and consuming use separate connections, because a broker that is short of memory stops
reading from publishers. Each connection has a supervisor that connects, works, and on any error
drops the connection and starts again: nothing is recovered in place, so nothing of unknown state
is left.
"""
