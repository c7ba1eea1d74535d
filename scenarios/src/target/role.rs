//! What a component is for, where the file does not say it.

use std::collections::BTreeMap;

use super::{Role, interpolate};

const DATABASES: [&str; 11] = [
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "mongo",
    "mongodb",
    "redis",
    "valkey",
    "cassandra",
    "cockroach",
    "elasticsearch",
];
const BROKERS: [&str; 8] =
    ["rabbitmq", "kafka", "redpanda", "nats", "activemq", "artemis", "pulsar", "mosquitto"];
const PROXIES: [&str; 5] = ["haproxy", "nginx", "traefik", "envoy", "caddy"];

/// The role that an image suggests: a word of its name (without registry, path and tag; variables
/// at their defaults) that names a known database, broker or proxy; otherwise a service.
pub(super) fn guess(image: &str) -> Role {
    let image = interpolate(image, &BTreeMap::new()).unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    let name = name.split([':', '@']).next().unwrap_or_default();
    for word in name.split(['-', '_', '.']) {
        for (known, role) in [
            (DATABASES.as_slice(), Role::Database),
            (BROKERS.as_slice(), Role::Broker),
            (PROXIES.as_slice(), Role::Proxy),
        ] {
            if known.contains(&word) {
                return role;
            }
        }
    }
    Role::Service
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_images_have_well_known_roles() {
        for (image, role) in [
            ("postgres", Role::Database),
            ("registry.example:5000/base/chaos-postgres:17@sha256:00", Role::Database),
            ("${BROKER_IMAGE:-rabbitmq:4-management}", Role::Broker),
            ("haproxytech/haproxy-alpine:3.0", Role::Proxy),
            ("shop/orders:nginx", Role::Service),
            ("${IMAGE}", Role::Service),
            ("", Role::Service),
        ] {
            assert_eq!(guess(image), role, "{image}");
        }
    }
}
