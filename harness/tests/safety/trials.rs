//! Kills the harness by SIGKILL at a random moment of a real run, lets `chaos clean` do its work, and
//! compares the host with what it was before: no difference is allowed.

use std::path::Path;
use std::time::{Duration, Instant};

use chaos_scenarios::random::Random;

use crate::fingerprint::{Difference, Fingerprint, Foreign};
use crate::kinds::{KINDS, Kind};
use crate::program::{Running, chaos, docker};
use crate::tiny::{RUN, make_images, write};

/// How many trials, and the seed of their chance; both are told.
const COUNT: &str = "CHAOS_TRIALS";
const SEED: &str = "CHAOS_TRIALS_SEED";
/// One in so many trials strikes while the target is being made, the others around its fault.
const EARLY: u64 = 4;
/// A target stands within this time.
const STANDING: f64 = 4.0;
/// A fault acts, is undone and is proved undone within this time.
const FAULT: f64 = 5.0;
/// The fault of a run begins within this time, images apart.
const BEGIN: Duration = Duration::from_secs(120);
/// What acts on packets ends this soon after its harness: by the end of its input, or by silence.
const PACKETS: Duration = Duration::from_secs(8);
/// What the daemon was still busy with for a process that died would appear within this time.
const LATE: Duration = Duration::from_secs(1);

/// One trial: what is tried, and when the harness is killed.
struct Trial {
    kind: Kind,
    seed: u64,
    /// Whether the fault has begun by then.
    in_fault: bool,
    /// Seconds since the start, or since the fault was armed.
    after: f64,
}

#[test]
#[ignore = "each trial takes a quarter of a minute: ci/kill-trials"]
fn a_harness_that_is_killed_leaves_nothing_that_clean_does_not_remove() {
    let (count, seed) = (setting(COUNT, 6), setting(SEED, 1));
    println!("{count} trials with seed {seed}");
    make_images();
    // Some kinds need a built-in target.
    let told = chaos(Path::new("."), &["images"]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    let foreign = Foreign::make();
    let (mut leftovers, mut touched) = (0, 0);
    for number in 1..=count {
        let trial = Trial::draw(seed, number);
        let (removed, difference) = trial.carry_out(&foreign);
        let Difference { left, foreign } = difference;
        println!("trial {number}: {trial}: {removed}; {} differences", left.len() + foreign.len());
        left.iter().chain(&foreign).for_each(|line| println!("  {line}"));
        leftovers += left.len();
        touched += foreign.len();
    }
    println!("trials {count}, leftovers {leftovers}, foreign objects touched {touched}");
    assert_eq!((leftovers, touched), (0, 0), "seed {seed}");
}

fn setting(name: &str, usual: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a whole number")),
        Err(_) => usual,
    }
}

impl std::fmt::Display for Trial {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = if self.in_fault { "its fault was armed" } else { "its start" };
        let Self { kind, seed, after, .. } = self;
        write!(formatter, "{} (seed {seed}), killed {after:.3} s after {since}", kind.name)
    }
}

impl Trial {
    /// Every kind has its turn, in an order of chance, before one comes again.
    fn draw(seed: u64, number: u64) -> Self {
        let all = KINDS.len() as u64;
        let (round, place) = ((number - 1) / all, (number - 1) % all);
        let mut kinds = KINDS.to_vec();
        let mut shuffle = Random::nth(seed, "kinds", round);
        for last in (1..kinds.len()).rev() {
            let other = shuffle.below(last as u64 + 1);
            kinds.swap(last, usize::try_from(other).expect("it is in the list"));
        }
        let mut random = Random::nth(seed, "trial", number);
        let in_fault = random.below(EARLY) > 0;
        let within = if in_fault { FAULT } else { STANDING };
        let kind = kinds[usize::try_from(place).expect("it is in the list")];
        Self { kind, seed: random.below(1 << 32), in_fault, after: random.unit() * within }
    }

    /// Returns what `chaos clean` said, and what differs after it.
    fn carry_out(&self, foreign: &Foreign) -> (String, Difference) {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), &[self.kind.step]);
        let before = Fingerprint::take(foreign);
        let told = self.run_and_kill(folder.path());
        assert_eq!(told.code, None, "it ended before it was killed: {}", told.errors);
        if self.in_fault && self.kind.target.is_none() {
            packets_pass();
        }
        let cleaned = chaos(folder.path(), &["clean"]);
        assert_eq!(cleaned.code, Some(0), "{self}: {}", cleaned.errors);
        std::thread::sleep(LATE);
        let said = cleaned.result.lines().next().unwrap_or_default().to_owned();
        (said, Fingerprint::take(foreign).difference(&before))
    }

    fn run_and_kill(&self, folder: &Path) -> crate::program::Told {
        let seed = self.seed.to_string();
        let mut words = RUN.to_vec();
        words.extend(["--quiet", "--seed", &seed]);
        if let Some(target) = self.kind.target {
            words[2] = target;
        }
        let mut running = Running::run(folder, &words);
        if self.in_fault {
            running.until_told("fault-armed", 1, BEGIN);
        }
        std::thread::sleep(Duration::from_secs_f64(self.after));
        running.kill()
    }
}

/// No rule of ours is in the namespace of a container that lives, soon after its harness died.
fn packets_pass() {
    let begun = Instant::now();
    let format = "{{.ID}} {{.Label \"chaos.component\"}}";
    let ps = ["ps", "--no-trunc", "--filter", "label=chaos.run", "--format", format];
    for line in docker(&ps).lines() {
        // Containers of ours that help have no component.
        let Some((victim, _)) = line.split_once(' ').filter(|(_, name)| !name.is_empty()) else {
            continue;
        };
        while rules_in(victim).contains("CHAOS-NETWORK") {
            assert!(begun.elapsed() < PACKETS, "rules outlive their harness in {line}");
        }
    }
}

fn rules_in(container: &str) -> String {
    let network = format!("container:{container}");
    let tool = ["run", "--rm", "--cap-add", "NET_ADMIN", "--network", &network];
    docker(&[&tool[..], &["--entrypoint", "iptables-save", "chaos/network"]].concat())
}
