//! Faults of the network on real packets, between two containers that know nothing of them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chaos_harness::docker::image::ensure_images;
use chaos_harness::port::Runtime;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::quantity::Bytes;
use chaos_scenarios::target::Component;

use crate::faults::{heal, inject, make_own_image, planned};
use crate::fixture::{Standing, component, daemon, plan, target_of};

/// Sends back what comes over TCP, or throws it away on another port; counts what comes over UDP, and the time from the first to the last.
const ECHO: &str = "sub now { $$z = \"\\0\" x 16; syscall(228, 1, $$z); \
    my ($$s, $$n) = unpack 'qq', $$z; $$s + $$n / 1e9 } \
    use IO::Socket::INET; use IO::Select; \
    $$t = IO::Socket::INET->new(LocalPort => 8080, Listen => 9, ReuseAddr => 1) or die; \
    $$u = IO::Socket::INET->new(LocalPort => 8081, Proto => 'udp') or die; \
    $$w = IO::Socket::INET->new(LocalPort => 8082, Listen => 9, ReuseAddr => 1) or die; \
    $$s = IO::Select->new($$t, $$u, $$w); \
    while (1) { for $$h ($$s->can_read) { \
        if ($$h == $$t) { $$s->add($$t->accept) } \
        elsif ($$h == $$w) { $$a = $$w->accept; $$o{$$a} = 1; $$s->add($$a) } \
        elsif ($$o{$$h}) { sysread($$h, $$d, 65536) or ($$s->remove($$h), delete $$o{$$h}, close $$h) } \
        elsif ($$h == $$u) { $$p = $$u->recv($$d, 65535); \
            if ($$d eq '?') { $$u->send(join(' ', $$n + 0, $$b + 0, $$l - $$f), 0, $$p); \
                $$n = $$b = $$f = $$l = 0 } \
            else { $$l = now(); $$f ||= $$l; $$b += length $$d if $$n++ } } \
        elsif (sysread($$h, $$d, 4096)) { syswrite($$h, $$d) } \
        else { $$s->remove($$h); close $$h } } }";

/// The clock, which the perl of the base image has no module for: Linux on x86-64 has it as call 228.
const NOW: &str = "sub now { $z = \"\\0\" x 16; syscall(228, 1, $z); \
    my ($s, $n) = unpack 'qq', $z; $s + $n / 1e9 } ";

/// Medians of many round trips over a connection that stands and over new ones, ms, before and after a
/// line comes; and by how much a timer of the same process is late, which is what a crowded machine
/// adds to every wait.
const TRIPS: &str = "use IO::Socket::INET; $| = 1; \
    sub fresh { IO::Socket::INET->new(PeerAddr => 'there:8080', Timeout => 9) } \
    $c = fresh(); \
    sub trip { $b = now(); syswrite($c, 'x'); sysread($c, $d, 1); (now() - $b) * 1e3 } \
    sub dial { $b = now(); $n = fresh(); (now() - $b) * 1e3 } \
    sub late { $b = now(); select(undef, undef, undef, 0.1); (now() - $b) * 1e3 - 100 } \
    sub median { (sort { $a <=> $b } @_)[@_ / 2] } \
    for (1 .. 2) { @t = @n = @l = (); \
        for (1 .. 31) { push @t, trip(); push @n, dial(); push @l, late() } \
        printf \"%.2f %.2f %.2f\\n\", median(@t), median(@n), median(@l); <STDIN> }";

/// Three of the same, and our program ready.
fn three() -> Plan {
    let echo = |name| Component {
        memory: Some(Bytes(64 << 20)),
        ..component(name, &["perl", "-e", ECHO])
    };
    let mut plan = plan(target_of(vec![echo("here"), echo("there"), echo("aside")]));
    plan.timeline = vec![planned(&plan, "loss: {name: here, share: 1%}")];
    plan
}

pub(crate) async fn stand() -> (Standing, Plan) {
    make_own_image().await;
    let references = ["chaos/network".to_owned()].into();
    let executable = std::path::Path::new(env!("CARGO_BIN_EXE_chaos"));
    ensure_images(&daemon().await, &references, executable, &|_, _| {}).await.expect("it builds");
    let (standing, plan) = (Standing::new().await, three());
    let made = standing.runtime.provision(&plan, &standing.identity, &standing.recorder).await;
    made.expect("it stands");
    (standing, plan)
}

pub(crate) fn inside(standing: &Standing, name: &str, script: &str) -> Command {
    let mut command = Command::new("docker");
    let container = format!("chaos-{}-{name}-1", standing.identity.run);
    command.args(["exec", "-i", &container, "perl", "-e", &format!("{NOW}{script}")]);
    command
}

pub(crate) fn says(command: &mut Command) -> String {
    let output = command.output().expect("docker");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Sends datagrams of so many bytes with a pause between them; returns how long it took, seconds.
pub(crate) fn send(
    standing: &Standing,
    from: &str,
    to: &str,
    count: u32,
    bytes: u32,
    pause: f64,
) -> f64 {
    let script = format!(
        "use IO::Socket::INET; $b = now(); \
         $u = IO::Socket::INET->new(PeerAddr => '{to}:8081', Proto => 'udp'); \
         for (1 .. {count}) {{ $u->send('x' x {bytes}); select(undef, undef, undef, {pause}) }} print now() - $b"
    );
    says(&mut inside(standing, from, &script)).parse().expect("seconds")
}

/// Datagrams that came since the last question, asked over loopback; and after the first of them, the
/// bytes and the seconds until the last.
pub(crate) fn came(standing: &Standing, name: &str) -> (u32, u32, f64) {
    let script = "use IO::Socket::INET; \
        $u = IO::Socket::INET->new(PeerAddr => '127.0.0.1:8081', Proto => 'udp'); \
        $u->send('?'); $u->recv($d, 99); print $d";
    let said = says(&mut inside(standing, name, script));
    let [count, bytes, seconds] = said.split(' ').collect::<Vec<_>>()[..] else {
        panic!("three numbers, not {said}")
    };
    let seconds = seconds.parse().expect("seconds");
    (count.parse().expect("a count"), bytes.parse().expect("bytes"), seconds)
}

/// Injects once packets flow, since nothing is felt without any.
pub(crate) async fn with(
    standing: &Standing,
    plan: &Plan,
    written: &str,
) -> chaos_scenarios::plan::PlannedFault {
    let fault = planned(plan, written);
    let mut traffic = inside(
        standing,
        "here",
        "use IO::Socket::INET; $u = IO::Socket::INET->new(PeerAddr => 'there:8081', \
         Proto => 'udp'); for (1 .. 300) { $u->send('x'); select(undef, undef, undef, 0.01) }",
    );
    let mut traffic = traffic.spawn().expect("docker");
    inject(standing, &fault.injection).await;
    traffic.wait().expect("it ends");
    tokio::time::sleep(Duration::from_millis(300)).await;
    came(standing, "there");
    fault
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_are_delayed_lost_doubled_and_limited_as_asked() {
    let (standing, plan) = stand().await;
    latency(&standing, &plan).await;

    let fault = with(&standing, &plan, "loss: {name: here, share: 10%, to: there}").await;
    send(&standing, "here", "there", 2000, 20, 0.0003);
    // A standard deviation is 13.4; five of them are allowed.
    let (count, ..) = came(&standing, "there");
    eprintln!("loss of 10 %: {count} of 2000 came");
    assert!((1733..=1867).contains(&count), "{count}");
    heal(&standing, &fault.injection).await;
    send(&standing, "here", "there", 500, 20, 0.0003);
    assert_eq!(came(&standing, "there").0, 500, "healed");

    let fault = with(&standing, &plan, "duplicate: {name: here, share: 20%}").await;
    send(&standing, "here", "there", 1000, 20, 0.0003);
    let (count, ..) = came(&standing, "there");
    eprintln!("duplicates of 20 %: {count} for 1000 came");
    assert!((1137..=1263).contains(&count), "{count}");
    heal(&standing, &fault.injection).await;

    let fault = with(&standing, &plan, "corrupt: {name: here, share: 20%, direction: out}").await;
    send(&standing, "here", "there", 1000, 20, 0.0003);
    let (count, ..) = came(&standing, "there");
    eprintln!("damage to 20 %: {count} of 1000 passed the checksum");
    assert!((737..=863).contains(&count), "{count}");
    heal(&standing, &fault.injection).await;

    let fault = with(&standing, &plan, "rate: {name: here, limit: 1Mbit/s}").await;
    // More than twice what fits. What waits when the last is sent comes later: measured where it
    // arrives.
    send(&standing, "here", "there", 600, 1000, 0.003);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (count, bytes, took) = came(&standing, "there");
    let rate = f64::from(bytes + 28 * (count - 1)) * 8.0 / took / 1e6;
    eprintln!("limit of 1 Mbit/s: {rate:.3} Mbit/s over {took:.2} s");
    assert!((0.95..=1.05).contains(&rate), "{rate}");
    heal(&standing, &fault.injection).await;
    standing.end().await;
}

/// Medians of round trips before and during a fault (see [`TRIPS`]).
pub(crate) async fn trips(standing: &Standing, plan: &Plan, written: &str) -> (Vec<f64>, Vec<f64>) {
    let mut trips = inside(standing, "here", TRIPS);
    let mut trips = trips.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("docker");
    let mut lines = BufReader::new(trips.stdout.take().expect("piped")).lines();
    let mut medians = || {
        let line = lines.next().expect("a line").expect("text");
        let numbers = line.split(' ').map(|number| number.parse::<f64>().expect("ms"));
        numbers.collect::<Vec<_>>()
    };
    let before = medians();
    let fault = with(standing, plan, written).await;
    writeln!(trips.stdin.as_mut().expect("piped"), "go on").expect("it listens");
    let during = medians();
    drop(trips.stdin.take());
    trips.wait().expect("it ends");
    heal(standing, &fault.injection).await;
    (before, during)
}

async fn latency(standing: &Standing, plan: &Plan) {
    let written = "latency: {name: here, delay: 100ms, direction: out, to: there}";
    let (before, during) = trips(standing, plan, written).await;
    let (old, new, late) = (during[0] - before[0], during[1] - before[1], before[2].max(during[2]));
    eprintln!(
        "latency of 100 ms: {old:.2} ms more on an old connection, {new:.2} on new ones; \
         a timer is {late:.2} ms late"
    );
    // Never early, whatever the machine does; late by no more than any timer here.
    for added in [old, new] {
        assert!((97.0..=103.0 + 2.0 * late).contains(&added), "{added} with timers {late} late");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_one_way_and_ends_with_our_program() {
    let (standing, plan) = stand().await;
    let written = "partition: {from: here, to: there, direction: out}";
    let fault = with(&standing, &plan, written).await;
    came(&standing, "here");
    send(&standing, "here", "there", 50, 20, 0.001);
    send(&standing, "there", "here", 50, 20, 0.001);
    assert_eq!((came(&standing, "there").0, came(&standing, "here").0), (0, 50));
    // Killed, it leaves rules that let everything pass.
    let found = ours(&standing, "here");
    assert_eq!(found.len(), 1, "{found:?}");
    says(Command::new("docker").args(["kill", "-s", "KILL", &found[0]]));
    let killed = Instant::now();
    while !ours(&standing, "here").is_empty() {
        assert!(killed.elapsed() < Duration::from_secs(5), "it is still there");
    }
    send(&standing, "here", "there", 50, 20, 0.001);
    assert_eq!(came(&standing, "there").0, 50, "a fault does not outlive its injector");
    assert!(rules(&standing, "here").contains("CHAOS-NETWORK"), "the chain is still there");
    heal(&standing, &fault.injection).await;
    assert!(!rules(&standing, "here").contains("CHAOS-NETWORK"), "and now it is removed");
    rejected(&standing, &plan).await;
    standing.end().await;
}

async fn rejected(standing: &Standing, plan: &Plan) {
    let written = "partition: {from: here, to: there, behaviour: reject}";
    let fault = with(standing, plan, written).await;
    let script = "use IO::Socket::INET; $b = now(); \
        $c = IO::Socket::INET->new(PeerAddr => 'there:8080', Timeout => 5); \
        printf '%s %d', $c ? 'connected' : $!, now() - $b";
    let said = says(&mut inside(standing, "here", script));
    assert_eq!(said, "Connection refused 0", "at once");
    heal(standing, &fault.injection).await;
    assert_eq!(says(&mut inside(standing, "here", script)), "connected 0");
}

/// Containers of ours at a replica's packets.
pub(crate) fn ours(standing: &Standing, name: &str) -> Vec<String> {
    let name = format!("name=chaos-{}-network-{name}-", standing.identity.run);
    let listed = says(Command::new("docker").args(["ps", "-aq", "--filter", &name]));
    listed.split_whitespace().map(str::to_owned).collect()
}

/// The rules of a replica.
pub(crate) fn rules(standing: &Standing, name: &str) -> String {
    let namespace = format!("container:chaos-{}-{name}-1", standing.identity.run);
    let run = ["run", "--rm", "--cap-add", "NET_ADMIN", "--network", &namespace];
    says(Command::new("docker").args(run).args(["chaos/network", "iptables", "-S"]))
}

/// Docker's own client in the place of the harness, so that it can be killed.
fn harness(standing: &Standing, lines: &str) -> Child {
    let run = &standing.identity.run;
    let format = "{{join .Config.Entrypoint \" \"}}";
    let entry = says(Command::new("docker").args(["inspect", "-f", format, "chaos/chaos"]));
    let words: Vec<&str> = entry.split_whitespace().collect();
    let mut client = Command::new("docker")
        .args(["run", "-i", "--rm", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN"])
        .args(["--network", &format!("container:chaos-{run}-aside-1")])
        .args([
            "--label",
            &format!("chaos.run={run}"),
            "--name",
            &format!("chaos-{run}-network-aside-x"),
        ])
        .args(["-v", &format!("chaos-{run}-own-program:/chaos:ro"), "--entrypoint", words[0]])
        .arg("chaos/network")
        .args(&words[1..])
        .args(["helper", "network"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("docker");
    client.stdin.as_mut().expect("piped").write_all(lines.as_bytes()).expect("it listens");
    let mut lines = BufReader::new(client.stdout.as_mut().expect("piped")).lines();
    assert_eq!(lines.next().expect("a line").expect("text"), "\"acting\"");
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_when_the_harness_dies_or_falls_silent() {
    let (standing, _) = stand().await;
    let order = "{\"do\":[{\"number\":1,\"impairment\":{\"effect\":{\"partition\":\"drop\"},\
        \"direction\":\"both\",\"seed\":1},\"peers\":null,\"stream\":\"aside\"}]}\n";
    for dies in [true, false] {
        let mut client = harness(&standing, order);
        assert!(rules(&standing, "aside").contains("CHAOS-NETWORK"));
        if dies {
            client.kill().expect("it runs");
        }
        let begun = Instant::now();
        while !ours(&standing, "aside").is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is still there");
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("gone after {:?} (killed: {dies})", begun.elapsed());
        assert!(!rules(&standing, "aside").contains("CHAOS-NETWORK"));
        let _ = client.kill();
        client.wait().expect("it ended");
    }
    standing.end().await;
}
