"""Figures for a scrape: one registry per process, nothing global, the same names and labels in
every implementation.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# Upper bounds in seconds: they straddle the latency bounds of 250 ms and 1 s.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """All figures of the process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = self._counter("shop_requests_total", "Requests served.", "route", "status")
        self.request_seconds = Histogram(
            "shop_request_seconds",
            "Duration of requests.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.messages = self._counter("shop_messages_total", "Messages received.", "result")
        self.published = self._counter("shop_published_total", "Attempts to publish.", "result")
        self.unacked = Gauge(
            "shop_unacked_messages",
            "Messages received, not acknowledged.",
            registry=self._registry,
        )
        self.connected = Gauge(
            "shop_broker_connected",
            "1 while connected to the broker.",
            ["purpose"],
            registry=self._registry,
        )

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(name, help_text, labels, registry=self._registry)

    def render(self) -> bytes:
        """The figures in the text format of Prometheus."""
        return generate_latest(self._registry)
