//! One run of the exam: a defect or none, a target, a scenario, and what has to be found.

use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_chaos");
/// Orders enough for the rare ones that are refused at the last step.
const RATE: &str = "120/s";
/// Seeds, tried in turn: whether a message is on its way when its broker dies is a matter of
/// chance. Without a fault the first seed must do.
const SEEDS: [u64; 3] = [1, 2, 3];
/// Exit code of a program that may not run now, as when another experiment is running.
const NOT_NOW: i32 = 3;
/// Attempts to run, and the pause between two.
const ATTEMPTS: usize = 60;
const PAUSE: Duration = Duration::from_secs(5);

/// What is run, and what must be found.
pub(super) struct Candidate {
    /// The defect; none for a run that must stay green.
    pub(super) mutant: Option<&'static str>,
    target: &'static str,
    scenario: &'static str,
    /// Fates and invariants that fit the defect: one of them must be found.
    fitting: &'static [&'static str],
    /// Whether it is among the few of every change.
    pub(super) is_picked: bool,
}

const fn candidate(
    mutant: &'static str,
    target: &'static str,
    scenario: &'static str,
    fitting: &'static [&'static str],
) -> Candidate {
    Candidate { mutant: Some(mutant), target, scenario, fitting, is_picked: false }
}

const fn clean(target: &'static str, scenario: &'static str) -> Candidate {
    Candidate { mutant: None, target, scenario, fitting: &[], is_picked: false }
}

const fn picked(
    mutant: &'static str,
    target: &'static str,
    scenario: &'static str,
    fitting: &'static [&'static str],
) -> Candidate {
    Candidate { mutant: Some(mutant), target, scenario, fitting, is_picked: true }
}

/// Everybody who sits the exam.
pub(super) const CANDIDATES: [Candidate; 31] = [
    clean("monolith", "calm"),
    clean("broker", "broker"),
    clean("broker", "database"),
    clean("broker", "failing"),
    clean("direct", "calm"),
    clean("direct", "late"),
    clean("broker", "reorder"),
    clean("pipeline", "unanswered"),
    picked("CHARGE_TWICE", "monolith", "calm", &["duplicate"]),
    picked("DENY_COMMITTED", "monolith", "calm", &["phantom"]),
    candidate("ANSWER_COMPLETED", "monolith", "calm", &["lost"]),
    candidate("WRONG_AMOUNT", "monolith", "calm", &["invalid", "I7"]),
    candidate("SHIP_TWICE", "monolith", "calm", &["duplicate"]),
    candidate("SHIP_ANYWHERE", "monolith", "calm", &["wrong"]),
    candidate("OVERSELL", "monolith", "calm", &["wrong"]),
    candidate("KEEP_RESERVED", "monolith", "calm", &["invalid", "I6"]),
    picked("RELEASE_TWICE", "monolith", "calm", &["I5"]),
    candidate("KEEP_MONEY", "direct", "calm", &["invalid"]),
    candidate("REFUND_TWICE", "direct", "calm", &["invalid", "I7"]),
    candidate("FORGET_TOMBSTONE", "direct", "late", &["invalid", "I7"]),
    picked("LOSE_ACCEPTED", "broker", "calm", &["lost"]),
    candidate("SWALLOW_EVENT", "broker", "calm", &["stuck", "invalid"]),
    candidate("NEVER_CONSUME", "broker", "calm", &["invalid", "I6"]),
    candidate("SKIP_INBOX", "broker", "broker", &["duplicate"]),
    candidate("TRUST_PUBLISH", "broker", "broker", &["stuck", "invalid"]),
    candidate("MARK_SENT_FIRST", "broker", "broker", &["stuck", "invalid"]),
    candidate("ACKNOWLEDGE_EARLY", "broker", "database", &["stuck", "invalid"]),
    candidate("DROP_FAILED", "broker", "failing", &["stuck", "invalid"]),
    candidate("MOVE_BACK", "broker", "reorder", &["stuck", "invalid", "I11"]),
    candidate("FORGET_OUTCOME", "pipeline", "unanswered", &["invalid", "I7"]),
    candidate("RENEW_KEY", "pipeline", "unanswered", &["duplicate", "I8"]),
];

impl fmt::Display for Candidate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mutant = self.mutant.unwrap_or("no defect");
        write!(formatter, "{mutant} in {} ({})", self.target, self.scenario)
    }
}

impl Candidate {
    /// Runs it and looks at the report: what was found, or what is wrong with the auditor.
    pub(super) fn sit(&self) -> Result<String, String> {
        let seeds =
            if self.mutant.is_some() && self.scenario != "calm" { &SEEDS[..] } else { &SEEDS[..1] };
        let mut errors = Vec::new();
        for seed in seeds {
            match self.judge(&self.report(*seed)?) {
                Ok(told) => return Ok(format!("{told} (seed {seed})")),
                Err(error) => errors.push(format!("seed {seed}: {error}")),
            }
        }
        Err(errors.join("; "))
    }

    /// The one run of a report; it is made where this program has not made it yet.
    fn report(&self, seed: u64) -> Result<Value, String> {
        let folder = self.folder(seed);
        let path = folder.join("report/report.json");
        if !path.is_file() {
            for _ in 0..ATTEMPTS {
                // What was cut off is begun anew.
                let _ = fs::remove_dir_all(&folder);
                if self.run(&folder, seed) != Some(NOT_NOW) {
                    break;
                }
                thread::sleep(PAUSE);
            }
        }
        let text = fs::read_to_string(&path);
        let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
        let report: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Ok(report["runs"][0].clone())
    }

    /// Runs the target; the exit code tells a red run or one that could not be, not the findings.
    fn run(&self, folder: &Path, seed: u64) -> Option<i32> {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exam");
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg(scenarios.join(self.scenario).with_extension("yaml"));
        command.args(["--target", self.target, "--profile", "quick", "--rate", RATE, "--quiet"]);
        command.args(["--seed", &seed.to_string()]).arg("--out").arg(folder);
        if let Some(mutant) = self.mutant {
            command.args(["--mutant", mutant]);
        }
        command.stdout(Stdio::null()).status().expect("the program starts").code()
    }

    fn folder(&self, seed: u64) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        fs::read(PROGRAM).expect("the program is there").hash(&mut hasher);
        let version = format!("{:016x}", hasher.finish());
        let mutant = self.mutant.unwrap_or("none");
        let name = format!("{mutant}-{}-{}-{seed}", self.target, self.scenario);
        let root = Path::new(PROGRAM).ancestors().nth(2).expect("the folder of the build");
        root.join("exam").join(version).join(name)
    }

    fn judge(&self, run: &Value) -> Result<String, String> {
        let verdict = run["verdict"].as_str().unwrap_or("none");
        let found = findings(run);
        let told = format!("verdict {verdict}, found {}", found.join(", "));
        let Some(_) = self.mutant else {
            // On a busy machine the figures of a run may be worth nothing; its orders are all the same.
            let green = ["held", "inconclusive"].contains(&verdict) && found.is_empty();
            return if green { Ok(told) } else { Err(told) };
        };
        let fits = found.iter().any(|found| {
            let name = found.split(' ').next().unwrap_or_default();
            self.fitting.contains(&name)
        });
        // What waits for ever does not outweigh a busy machine: not green, and named, is found.
        if verdict != "held" && fits { Ok(told) } else { Err(told) }
    }
}

/// The fates that orders should not meet with their counts, and the invariants that are broken.
fn findings(run: &Value) -> Vec<String> {
    let fates = run["reconciliation"].as_object().into_iter().flatten();
    let bad = |(fate, count): (&String, &Value)| {
        let count = count.as_u64().unwrap_or(0);
        (!["fine", "sent"].contains(&fate.as_str()) && count > 0).then(|| format!("{fate} {count}"))
    };
    let broken = run["invariants"].as_array().into_iter().flatten();
    let broken = broken.filter(|it| it["held"] == false);
    let broken = broken.map(|it| it["id"].as_str().unwrap_or_default().to_owned());
    fates.filter_map(bad).chain(broken).collect()
}
