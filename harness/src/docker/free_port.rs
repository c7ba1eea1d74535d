//! Picks free ports on loopback. They are bound explicitly, because Docker would give a container
//! another random port after every kill and start.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

use super::error::DockerError;

/// Below this, ports belong to well-known services.
const FIRST: u16 = 15_000;
/// The last port if the kernel does not say where its ephemeral ports begin.
const LAST: u16 = 32_767;

/// `count` ports that are free on loopback now, and not in `taken`. They lie below the kernel's
/// ephemeral ports: otherwise, while a container is down, a client's connection could be given its
/// port, and the container could not be started again. `start` spreads runs over the range.
pub(super) fn free_ports(
    count: usize,
    taken: &BTreeSet<u16>,
    start: u64,
) -> Result<Vec<u16>, DockerError> {
    let (first, last) = (FIRST, last_port());
    let range = u64::from(last - first) + 1;
    let ports: Vec<u16> = (0..range)
        .filter_map(|offset| u16::try_from(u64::from(first) + (start + offset) % range).ok())
        .filter(|port| !taken.contains(port) && is_free(*port))
        .take(count)
        .collect();
    if ports.len() == count {
        Ok(ports)
    } else {
        Err(DockerError::NoFreePort { needed: count, first, last })
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn last_port() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let first_ephemeral: Option<u16> =
        range.ok().and_then(|range| range.split_whitespace().next()?.parse().ok());
    // A machine that gives nearly all ports to clients leaves no safe range: the risk is taken.
    first_ephemeral.filter(|port| *port > FIRST + 1000).map_or(LAST, |port| port - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_ports_are_left_out() {
        let none = BTreeSet::new();
        let first = free_ports(1, &none, 5_000).expect("a port")[0];
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).expect("it is free");
        let others = free_ports(3, &none, 5_000).expect("ports");
        assert!(!others.contains(&first), "{others:?}");
        drop(held);
        let excluded = free_ports(1, &BTreeSet::from([first]), 5_000).expect("a port")[0];
        assert_ne!(excluded, first);
    }

    #[test]
    fn ports_are_distinct_and_in_range() {
        let ports = free_ports(40, &BTreeSet::new(), u64::MAX / 2).expect("ports");
        let distinct: BTreeSet<u16> = ports.iter().copied().collect();
        assert_eq!(distinct.len(), 40);
        assert!(ports.iter().all(|port| (FIRST..=last_port()).contains(port)));
    }

    #[test]
    fn a_range_that_is_too_small_is_said() {
        let error = free_ports(70_000, &BTreeSet::new(), 0).expect_err("too many");
        assert!(matches!(error, DockerError::NoFreePort { needed: 70_000, .. }), "{error}");
    }
}
