//! Faults of packets under trouble: victims that others restart, kill or remove, several faults on
//! one replica, and peers that move.

use std::process::Command;
use std::time::{Duration, Instant};

use chaos_reports::record::Moment;
use chaos_scenarios::action::Check;
use chaos_scenarios::plan::PlannedFault;

use crate::faults::{heal, inject, planned};
use crate::fixture::Standing;
use crate::lifecycle::wait_since;
use crate::packets::{came, ours, rules, says, send, stand, with};

/// A program of ours is there again within this time.
const AGAIN: Duration = Duration::from_secs(10);

fn docker(standing: &Standing, words: &[&str], name: &str) {
    let container = format!("chaos-{}-{name}-1", standing.identity.run);
    says(Command::new("docker").args(words).arg(container));
}

fn notes(standing: &Standing) -> Vec<String> {
    standing.recorder.read(|record| record.notes.iter().map(|(_, text)| text.clone()).collect())
}

/// Waits until the journal says something.
async fn noted(standing: &Standing, what: &str) {
    let begun = Instant::now();
    while !notes(standing).iter().any(|note| note.contains(what)) {
        assert!(begun.elapsed() < AGAIN, "`{what}` is not in {:?}", notes(standing));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The server of a replica listens again.
async fn listens(standing: &Standing, name: &str) {
    let begun = Instant::now();
    let container = format!("chaos-{}-{name}-1", standing.identity.run);
    let script = "use IO::Socket::INET; exit !IO::Socket::INET->new(PeerAddr => '127.0.0.1:8080')";
    let dial = || Command::new("docker").args(["exec", &container, "perl", "-e", script]).status();
    while !dial().expect("docker").success() {
        assert!(begun.elapsed() < AGAIN, "{name} does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Of 50 datagrams from `here`, how many arrive.
fn arrive(standing: &Standing) -> u32 {
    came(standing, "there");
    send(standing, "here", "there", 50, 20, 0.001);
    came(standing, "there").0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_victim_that_others_restart_kill_or_remove_is_met_again_and_left_in_order() {
    let (standing, plan) = stand().await;
    let written = "partition: {from: here, to: there, direction: out}";
    for meddling in [vec!["restart", "-t", "0"], vec!["kill"], vec!["rm", "-f"]] {
        eprintln!("partition, then docker {}", meddling.join(" "));
        let fault = with(&standing, &plan, written).await;
        assert_eq!(arrive(&standing), 0);
        docker(&standing, &meddling, "here");
        if meddling[0] == "restart" {
            listens(&standing, "here").await;
            noted(&standing, "the packets of here-1 are impaired again").await;
            assert_eq!(arrive(&standing), 0, "it meets the same again");
            assert_eq!(ours(&standing, "here").len(), 1, "one program of ours is there");
        }
        heal(&standing, &fault.injection).await;
        listens(&standing, "here").await;
        assert_eq!(arrive(&standing), 50, "after {}", meddling.join(" "));
        assert!(!rules(&standing, "here").contains("CHAOS-NETWORK"));
    }
    eprintln!("{}", notes(&standing).join("\n"));
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_faults_on_one_replica_are_felt_and_end_each_for_itself() {
    let (standing, plan) = stand().await;
    let loss = with(&standing, &plan, "loss: {name: here, share: 100%, direction: out}").await;
    let latency = "latency: {from: here, to: there, delay: 200ms, direction: in}";
    let latency = planned(&plan, latency);
    // Nothing that leaves arrives, so what is to be held has to come from the other end.
    let mut traffic = crate::packets::inside(
        &standing,
        "there",
        "use IO::Socket::INET; $u = IO::Socket::INET->new(PeerAddr => 'here:8081', \
         Proto => 'udp'); for (1 .. 300) { $u->send('x'); select(undef, undef, undef, 0.01) }",
    );
    let mut traffic = traffic.spawn().expect("docker");
    inject(&standing, &latency.injection).await;
    traffic.wait().expect("it ends");
    assert_eq!(ours(&standing, "here").len(), 1, "one program of ours does both");
    assert_eq!(arrive(&standing), 0, "loss goes on: {:?}", notes(&standing));
    heal(&standing, &loss.injection).await;
    assert_eq!(arrive(&standing), 50, "loss has ended");
    assert!(is_met(&standing, &latency).await, "latency goes on");
    assert!(!is_met(&standing, &loss).await);
    heal(&standing, &latency.injection).await;
    assert!(!rules(&standing, "here").contains("CHAOS-NETWORK"));
    standing.end().await;
}

/// Whether a fault that was felt is still there.
async fn is_met(standing: &Standing, fault: &PlannedFault) -> bool {
    use chaos_harness::port::Runtime as _;
    let mut met = true;
    for check in &fault.injection.felt {
        met &= standing.runtime.check(check, Moment::default()).await.expect("asked").is_some();
    }
    met
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_comes_back_elsewhere_is_met_there() {
    let (standing, plan) = stand().await;
    let fault = with(&standing, &plan, "partition: {from: here, to: there, direction: out}").await;
    let run = &standing.identity.run;
    // Whoever comes first gets the address that it had.
    docker(&standing, &["kill"], "there");
    let network = format!("chaos-{run}-back");
    let squatter =
        ["run", "-d", "--rm", "--label", &format!("chaos.run={run}"), "--network", &network];
    says(Command::new("docker").args(squatter).args(["debian:trixie-slim", "sleep", "60"]));
    docker(&standing, &["start"], "there");
    listens(&standing, "there").await;
    noted(&standing, "the peers have other addresses").await;
    // That it left its old address may be told before its new one is known.
    let begun = Instant::now();
    while arrive(&standing) > 0 {
        assert!(begun.elapsed() < AGAIN, "it is not met there: {:?}", notes(&standing));
    }
    heal(&standing, &fault.injection).await;
    let runs = Check::Running { replica: crate::fixture::replica("there", 1) };
    wait_since(&standing, &runs, Moment::default()).await;
    assert_eq!(arrive(&standing), 50);
    standing.end().await;
}
