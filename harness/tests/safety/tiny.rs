//! A target of two components that starts in a second, for every kind of fault: a server in plain
//! perl, which the base image has, with a chaos switch, and a peer that asks it all the time.

use std::fs;
use std::path::Path;

use chaos_harness::docker::connect;
use chaos_harness::docker::image::ensure_images;

use crate::program::{PROGRAM, docker_done};

/// The smallest image that the project makes anyway.
pub(crate) const IMAGE: &str = "debian:trixie-slim";
/// The same with a label: another image, to be put in its place.
pub(crate) const OTHER_IMAGE: &str = "chaos-test/other:1";

/// Answers on port 8080, and on 9090 as a chaos switch: armed it counts one call, disarmed none;
/// there it also says, whenever it is asked, that it sent a dead letter again.
const SERVER: &str = r#"use IO::Socket::INET; $SIG{PIPE} = "IGNORE"; my $n = 0;
my $on = ($ENV{CHAOS_SWITCH} || "") eq "on" ? 1 : 0; my $port = fork ? 8080 : 9090;
my $s = IO::Socket::INET->new(LocalPort => $port, Listen => 64, ReuseAddr => 1) or die "$port: $!";
while (my $c = $s->accept) { my $l = <$c> || ""; my $b = 0;
while (<$c>) { $b = $1 if /^content-length: (\d+)/i; last if /^\r?$/ } read $c, my $x, $b if $b;
$n = $on if $l =~ /^POST/; $n = 0 if $l =~ /^DELETE/; my $t = $l =~ m{ /chaos} ? "{\"acted\":$n}" : "";
$t = "{\"redriven\":1}" if $l =~ m{ /dead/redrive};
print $c "HTTP/1.1 200 OK\r\nContent-Length: " . length($t) . "\r\nConnection: close\r\n\r\n$t";
close $c }"#;

/// Asks the server ten times a second.
const CLIENT: &str = r#"use IO::Socket::INET; $SIG{PIPE} = "IGNORE"; while (1) {
my $c = IO::Socket::INET->new(PeerAddr => "web:8080", Timeout => 1);
if ($c) { print $c "GET / HTTP/1.0\r\n\r\n"; my @x = <$c>; close $c } select undef, undef, undef, 0.1 }"#;

const WORKLOAD: &str = "version: 1
name: tiny
headline: get
timeout: 1s
requests: [{class: get, weight: 1, method: GET, path: /, accept: [200], bound: 500ms}]
";

/// What is common to the services.
const SERVICE: &str = "    image: ${TINY_IMAGE:-debian:trixie-slim}
    init: true
    user: '65534:65534'
    networks: [back]
    stop_grace_period: 1s
    read_only: true
    cap_drop: [ALL]
    security_opt: ['no-new-privileges:true']
    mem_limit: 64m
    pids_limit: 64
";

/// One of a fixed size, so that it can be filled.
const VOLUMES: &str =
    "volumes: {data: {driver_opts: {type: tmpfs, device: tmpfs, o: 'size=8m'}}}\n";

/// A service of the Compose file.
pub(crate) fn service(name: &str, program: &str, more: &str) -> String {
    // Doubled dollar signs, because texts of a target may hold variables.
    let program = program.replace('$', "$$").replace('\'', "''").replace('\n', " ");
    format!("  {name}:\n{SERVICE}    command: [perl, -e, '{program}']\n{more}")
}

/// A server of the Compose file.
pub(crate) fn server(name: &str, more: &str) -> String {
    let more = format!(
        "    expose: ['8080', '9090']\n    environment: {{CHAOS_SWITCH: '${{CHAOS_SWITCH:-}}'}}\n{more}"
    );
    service(name, SERVER, &more)
}

/// The whole file: services, and the names of those that are servers, the first of which users
/// ask.
pub(crate) fn compose(services: &str, servers: &[&str]) -> String {
    let ready: Vec<String> =
        servers.iter().map(|name| format!("{name}: http://{name}:8080/")).collect();
    let audit: Vec<String> =
        servers.iter().map(|name| format!("http://{name}:9090/audit")).collect();
    let redrive: Vec<String> =
        servers.iter().map(|name| format!("http://{name}:9090/dead/redrive")).collect();
    let names = services.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?.strip_suffix(':')?;
        (!name.starts_with(' ')).then(|| format!("{name}: service"))
    });
    let roles: Vec<String> = names.collect();
    format!(
        "services:\n{services}networks: {{back: {{}}}}\n{VOLUMES}x-chaos:\n  \
         version: 1\n  title: Tiny\n  entry: http://{}:8080\n  workload: ./workload.yaml\n  \
         roles: {{{}}}\n  ready: {{{}}}\n  audit: [{}]\n  redrive: [{}]\n",
        servers[0],
        roles.join(", "),
        ready.join(", "),
        audit.join(", "),
        redrive.join(", "),
    )
}

/// Writes the usual target, its workload, and a scenario of some steps.
pub(crate) fn write(folder: &Path, steps: &[&str]) {
    let web = "    deploy: {replicas: 2}\n    restart: on-failure\n";
    let peer = "    volumes: ['data:/data']\n";
    let services = server("web", web) + &service("peer", CLIENT, peer);
    write_target(folder, &compose(&services, &["web"]), steps);
}

/// Writes a target, its workload, and a scenario of some steps.
pub(crate) fn write_target(folder: &Path, compose: &str, steps: &[&str]) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file");
    let method: Vec<String> = steps.iter().map(|step| format!("  - {step}\n")).collect();
    write("compose.yaml", compose);
    write("workload.yaml", WORKLOAD);
    write(
        "trial.yaml",
        &format!(
            "version: 1\ntitle: A trial\nsteady-state-hypothesis: {{title: Some are served, \
             probes: [availability >= 50%]}}\nmethod:\n{}expect: {{default: [availability >= 0%]}}\n",
            method.concat()
        ),
    );
}

/// The words of a run of that.
pub(crate) const RUN: [&str; 5] = ["trial.yaml", "--target", "./compose.yaml", "--rate", "20/s"];

/// Makes the images that runs of the target need, so that no run is about making them.
pub(crate) fn make_images() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let daemon = connect(false).await.expect("these tests need a Docker daemon");
        let references = ["chaos/chaos", "chaos/network"].map(str::to_owned).into();
        let made = ensure_images(&daemon, &references, Path::new(PROGRAM), &|_, _| {}).await;
        made.expect("the images can be made");
    });
    let context = tempfile::tempdir().expect("a folder");
    let recipe = format!("FROM {IMAGE}\nLABEL shop=other\n");
    fs::write(context.path().join("Dockerfile"), recipe).expect("a file");
    let path = context.path().display().to_string();
    docker_done(&["build", "--quiet", "--tag", OTHER_IMAGE, &path]);
}
