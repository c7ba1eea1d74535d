//! What faults of the network do against what is asked of them, and what it costs that packets pass
//! our program: the tables of `ci/fault-figures`. Ignored unless asked for.

use std::time::Duration;

use chaos_reports::record::Moment;
use chaos_scenarios::action::network::{Direction, Effect, Impairment, Share};
use chaos_scenarios::action::{Action, Check, Injection};
use chaos_scenarios::plan::Plan;

use crate::faults::{heal, inject};
use crate::fixture::{Standing, replica};
use crate::packets::{came, inside, says, send, stand, trips, with};

/// Packets per second that are tried, and for how long.
const TRIED: [u32; 6] = [5_000, 10_000, 20_000, 40_000, 80_000, 160_000];
const TRIED_SECONDS: u32 = 3;
/// Sockets that send them: what is held counts against the buffer of whoever sent it, which has room
/// for about 240 packets.
const SENDERS: u32 = 200;
/// Bytes per second of one connection, and the median and 99th percentile of its round trips in ms.
const FLOW: &str = "use IO::Socket::INET; $| = 1; \
    $c = IO::Socket::INET->new(PeerAddr => 'there:8082') or die; $x = 'x' x 65536; \
    $b = now(); while (now() - $b < 3) { $n += syswrite($c, $x) } $t = now() - $b; close $c; \
    $c = IO::Socket::INET->new(PeerAddr => 'there:8080') or die; \
    for (1 .. 3000) { $b = now(); syswrite($c, 'x'); sysread($c, $d, 1); push @t, (now() - $b) * 1e3 } \
    @t = sort { $a <=> $b } @t; printf '%.1f %.3f %.3f', $n / $t / 1e6, $t[1500], $t[2970]";
/// Attempts to connect that fail, of a hundred.
const DIAL: &str = "use IO::Socket::INET; for (1 .. 100) { \
    $f++ unless IO::Socket::INET->new(PeerAddr => $ARGV[0], Timeout => 0.2) } print $f + 0";

fn repetitions() -> usize {
    std::env::var("CHAOS_REPETITIONS").ok().map_or(20, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for minutes"]
async fn fault_figures_of_effect() {
    let (standing, plan) = stand().await;
    println!("\n{:<40}{:>12}  measured", "effect", "asked");
    latency(&standing, &plan).await;
    loss(&standing, &plan).await;
    rate(&standing, &plan).await;
    partition(&standing, &plan).await;
    standing.end().await;
}

fn row(what: &str, asked: &str, mut measured: Vec<f64>, unit: &str) {
    measured.sort_by(f64::total_cmp);
    let (least, most) = (measured[0], measured[measured.len() - 1]);
    let median = measured[measured.len() / 2];
    println!("{what:<40}{asked:>12}  {median:.2} ({least:.2} to {most:.2}) {unit}");
}

async fn latency(standing: &Standing, plan: &Plan) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for _ in 0..repetitions() {
        let written = "latency: {from: here, to: there, delay: 100ms, direction: out}";
        let (before, after) = trips(standing, plan, written).await;
        old.push(after[0] - before[0]);
        new.push(after[1] - before[1]);
    }
    row("round trip added, standing connection", "100 ms", old, "ms");
    row("round trip added, new connections", "100 ms", new, "ms");
}

async fn loss(standing: &Standing, plan: &Plan) {
    let mut lost = Vec::new();
    // One seed, one sequence of chance: once says it all.
    let fault = with(standing, plan, "loss: {from: here, to: there, share: 10%}").await;
    for _ in 0..repetitions() {
        send(standing, "here", "there", 10_000, 20, 0.0002);
        lost.push(f64::from(10_000 - came(standing, "there").0) / 100.0);
    }
    heal(standing, &fault.injection).await;
    row("lost of 10 000 packets", "10 %", lost, "%");
}

async fn rate(standing: &Standing, plan: &Plan) {
    let fault = with(standing, plan, "rate: {name: here, limit: 1Mbit/s}").await;
    let mut rates = Vec::new();
    for _ in 0..repetitions() {
        send(standing, "here", "there", 900, 1000, 0.003);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (count, bytes, took) = came(standing, "there");
        rates.push(f64::from(bytes + 28 * (count - 1)) * 8.0 / took / 1e6);
    }
    heal(standing, &fault.injection).await;
    row("rate, with IP headers", "1 Mbit/s", rates, "Mbit/s");
}

async fn partition(standing: &Standing, plan: &Plan) {
    let written = "partition: {from: here, to: there, direction: out, behaviour: reject}";
    let fault = with(standing, plan, written).await;
    let dial = |from: &str, to: &str| {
        let mut command = inside(standing, from, DIAL);
        says(command.arg(format!("{to}:8080"))).parse::<f64>().expect("a count")
    };
    row("attempts that fail, here to there", "100 %", vec![dial("here", "there")], "%");
    row("attempts that fail, here to aside", "0 %", vec![dial("here", "aside")], "%");
    heal(standing, &fault.injection).await;
    let datagrams = |from: &str, to: &str| {
        came(standing, to);
        send(standing, from, to, 1000, 20, 0.0005);
        100.0 - f64::from(came(standing, to).0) / 10.0
    };
    let written = "partition: {from: here, to: there, direction: out}";
    let fault = with(standing, plan, written).await;
    row("datagrams that fail, here to there", "100 %", vec![datagrams("here", "there")], "%");
    row("datagrams that fail, there to here", "0 %", vec![datagrams("there", "here")], "%");
    heal(standing, &fault.injection).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for minutes"]
async fn fault_figures_of_cost() {
    let (standing, _) = stand().await;
    println!("\n{:<24}{:<34}{:<34}", "one connection", "MB/s", "round trip in ms, median and p99");
    let flow = || {
        let said = says(&mut inside(&standing, "here", FLOW));
        said.split(' ').map(|number| number.parse().expect("a number")).collect::<Vec<f64>>()
    };
    let (mut without, mut passing) = (Vec::new(), Vec::new());
    for _ in 0..repetitions().div_ceil(2) {
        without.push(flow());
        // Taken from the kernel, looked at, and given back: nothing is lost.
        let nothing = Effect::Loss(Share(0));
        let injection = impair(nothing);
        inject(&standing, &Injection { felt: Vec::new(), ..injection.clone() }).await;
        passing.push(flow());
        heal(&standing, &injection).await;
    }
    for (name, runs) in [("without our program", without), ("passing our program", passing)] {
        let column = |index: usize| {
            let mut values: Vec<f64> = runs.iter().map(|run| run[index]).collect();
            values.sort_by(f64::total_cmp);
            let (least, most) = (values[0], values[values.len() - 1]);
            format!("{:.3} ({least:.3} to {most:.3})", values[values.len() / 2])
        };
        println!("{name:<24}{:<34}{:<34}{}", column(0), column(1), column(2));
    }
    held(&standing).await;
    standing.end().await;
}

/// Packets per second at 100 ms, up to what does not fit.
async fn held(standing: &Standing) {
    println!("\npackets held for 100 ms, for {TRIED_SECONDS} s each");
    for wanted in TRIED {
        let delay = chaos_scenarios::quantity::Span::milliseconds(100);
        let jitter = chaos_scenarios::quantity::Span::ZERO;
        let distribution = chaos_scenarios::action::network::Distribution::Uniform;
        let injection = impair(Effect::Delay { delay, jitter, distribution });
        inject(standing, &Injection { felt: Vec::new(), ..injection.clone() }).await;
        let script = format!(
            "use IO::Socket::INET; @u = map {{ IO::Socket::INET->new(PeerAddr => 'there:8081', \
             Proto => 'udp') }} 1..{SENDERS}; $b = now(); $e = $b + {TRIED_SECONDS}; \
             while (($t = now()) < $e) {{ $w = int(($t - $b) * {wanted}); \
             while ($n < $w) {{ $u[$n++ % {SENDERS}]->send('x' x 100) }} \
             select(undef, undef, undef, 0.0005) }} printf '%d', $n / (now() - $b)"
        );
        let sent = says(&mut inside(standing, "here", &script));
        tokio::time::sleep(Duration::from_millis(400)).await;
        let told = evidence(standing, &injection.felt[0]).await;
        println!("{sent:>8}/s: {told}");
        heal(standing, &injection).await;
    }
}

async fn evidence(standing: &Standing, check: &Check) -> String {
    use chaos_harness::port::Runtime as _;
    let proof = standing.runtime.check(check, Moment::default()).await.expect("it is asked");
    proof.map_or_else(|| "not felt".to_owned(), |proof| proof.evidence)
}

/// Something for all that leaves `here`, which no file may ask for.
fn impair(effect: Effect) -> Injection {
    let (here, peers) = (replica("here", 1), Vec::new());
    let impairment = Impairment { effect, direction: Direction::Out, peers, seed: 1 };
    let (replica, met) = (here.clone(), impairment.clone());
    Injection {
        inject: vec![Action::Impair { replica: here.clone(), impairment: met.clone() }],
        felt: vec![Check::Impaired { replica: here.clone(), impairment: met.clone() }],
        heal: vec![Action::EndImpair { replica: here, impairment: met }],
        healed: vec![Check::Unimpaired { replica, impairment }],
    }
}
