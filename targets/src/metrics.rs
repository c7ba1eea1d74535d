//! Figures for a scrape: one registry per process, nothing global.

use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

/// Upper bounds in seconds: they straddle the latency bounds of 250 ms and 1 s.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// All figures of one process.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Requests by route and status.
    pub(crate) requests: IntCounterVec,
    /// Duration of requests in seconds, by route.
    pub(crate) request_seconds: HistogramVec,
    /// Orders that became final here, by state.
    pub(crate) orders: IntCounterVec,
    /// Messages received, by what became of them.
    pub(crate) messages: IntCounterVec,
    /// Attempts to publish, by result.
    pub(crate) published: IntCounterVec,
    /// Attempts to ask another service for a step, by service and result.
    pub(crate) calls: IntCounterVec,
    /// Messages received and not acknowledged yet.
    pub(crate) unacked: IntGauge,
    /// Connections to the broker, 1 or 0, by purpose.
    pub(crate) connected: IntGaugeVec,
}

impl Metrics {
    /// Fresh figures, all zero.
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels);
            register(&registry, counter.expect("the name is legal"))
        };
        let histogram = HistogramOpts::new("shop_request_seconds", "Duration of requests.")
            .buckets(SECONDS.to_vec());
        let histogram = HistogramVec::new(histogram, &["route"]).expect("the name is legal");
        let unacked =
            IntGauge::new("shop_unacked_messages", "Messages received, not acknowledged.")
                .expect("the name is legal");
        let connected = Opts::new("shop_broker_connected", "1 while connected to the broker.");
        let connected = IntGaugeVec::new(connected, &["purpose"]).expect("the name is legal");
        Self {
            requests: counter("shop_requests_total", "Requests served.", &["route", "status"]),
            request_seconds: register(&registry, histogram),
            orders: counter("shop_orders_total", "Orders that became final.", &["state"]),
            messages: counter("shop_messages_total", "Messages received.", &["result"]),
            published: counter("shop_published_total", "Attempts to publish.", &["result"]),
            calls: counter("shop_calls_total", "Steps asked for.", &["service", "result"]),
            unacked: register(&registry, unacked),
            connected: register(&registry, connected),
            registry,
        }
    }

    /// The figures in the text format of Prometheus.
    pub(crate) fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Writing to memory fails only for a family without a name, and none lacks one.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}

fn register<C: prometheus::core::Collector + Clone + 'static>(registry: &Registry, figure: C) -> C {
    registry.register(Box::new(figure.clone())).expect("each name is registered once");
    figure
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn a_scrape_shows_help_type_and_value() {
        let metrics = Metrics::new();
        metrics.requests.with_label_values(&["/orders", "201"]).inc();
        let text = String::from_utf8(metrics.render()).unwrap();
        assert!(text.contains("# HELP shop_requests_total Requests served.\n"));
        assert!(text.contains("shop_requests_total{route=\"/orders\",status=\"201\"} 1\n"));
        assert!(text.contains("shop_unacked_messages 0\n"));
    }
}
