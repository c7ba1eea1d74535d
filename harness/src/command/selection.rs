//! From what was typed to plans: which scenarios, which targets in which modes, with what changed.
//! Every mistake of every file is found here, before Docker is asked for anything.

use std::collections::BTreeMap;
use std::path::Path;

use chaos_scenarios::expectation::Expectation;
use chaos_scenarios::experiment::{ExperimentRequest, Modes, Subject, plans};
use chaos_scenarios::library;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::plan::capability::Capabilities;
use chaos_scenarios::plan::compile::{CompileError, Overrides};
use chaos_scenarios::plan::profile::Profile;
use chaos_scenarios::scenario::{self, ScenarioFile};
use chaos_scenarios::target::{self, Target};
use chaos_scenarios::text::Diagnostics;
use chaos_scenarios::workload::{self, Workload};
use chaos_targets::CATALOGUE;

use super::validate::{self, File};
use crate::cli::Selection;
use crate::docker;
use crate::exit::Failure;
use crate::recorder::wall_clock;

/// What was chosen.
pub(super) struct Chosen {
    /// A word for the folder of the experiment.
    pub(super) name: String,
    /// All chance derives from it.
    pub(super) seed: u64,
    /// The runs, in order.
    pub(super) plans: Vec<Plan>,
}

/// A target as typed: the target itself, and the mode after its `@`.
type Asked = (Target, Option<Modes>);

/// Resolves a selection.
pub(super) fn choose(selection: &Selection) -> Result<Chosen, Failure> {
    let (scenarios, targets) = both(scenarios(selection), targets(&selection.targets))?;
    let workloads = workloads(&targets)?;
    let seed = selection.seed.unwrap_or_else(drawn_seed);
    let profile: Profile = selection.profile.parse().map_err(usage)?;
    let request = ExperimentRequest {
        scenarios: scenarios.iter().collect(),
        subjects: targets
            .iter()
            .map(|(target, modes)| Subject {
                target,
                workload: &workloads[&target.workload],
                modes: modes.as_ref(),
            })
            .collect(),
        modes: modes(&selection.mode),
        profile,
        repeats: selection.repeat.unwrap_or_else(|| profile.repeats()),
        seed,
        overrides: overrides(selection)?,
        capabilities: capabilities(),
    };
    let plans = plans(&request).map_err(compile_failure)?;
    let name = match &scenarios[..] {
        [one] => one.scenario.name.clone(),
        several => format!("{}-scenarios", several.len()),
    };
    Ok(Chosen { name, seed, plans })
}

/// What the machine cannot do, where a daemon on it answers; without one nothing can be run, and
/// that is said later.
fn capabilities() -> Capabilities {
    let asked = super::block_on(async {
        let daemon = docker::connect(false).await.map_err(Failure::environment)?;
        Ok(daemon.facts.capabilities())
    });
    asked.unwrap_or_default()
}

/// The target of `up`: one, in one mode.
pub(super) fn one_target(typed: &str, mode: &str, set: &[String]) -> Result<Plan, Failure> {
    let selection = Selection {
        scenarios: vec!["baseline".to_owned()],
        all: false,
        tag: None,
        targets: vec![typed.to_owned()],
        mode: mode.to_owned(),
        set: set.to_vec(),
        mutants: Vec::new(),
        rate: None,
        engine: "auto".to_owned(),
        repeat: Some(1),
        seed: None,
        profile: "quick".to_owned(),
        timeout: None,
        thresholds: Vec::new(),
    };
    let mut plans = choose(&selection)?.plans;
    match plans.len() {
        1 => Ok(plans.remove(0)),
        count => Err(Failure::Usage(format!("`{typed}` names {count} targets; name one"))),
    }
}

/// A seed that nobody chose: the wall clock, so that two invocations differ. It fits a JSON number
/// exactly.
fn drawn_seed() -> u64 {
    u64::try_from(wall_clock()).unwrap_or_default() & ((1 << 53) - 1)
}

/// Both, or the mistakes in the files of both.
fn both<A, B>(one: Result<A, Failure>, other: Result<B, Failure>) -> Result<(A, B), Failure> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(Failure::Files(wrong)), Err(Failure::Files(more))) => {
            Err(Failure::Files([wrong, more].concat()))
        }
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    }
}

fn scenarios(selection: &Selection) -> Result<Vec<ScenarioFile>, Failure> {
    let mut wrong = Vec::new();
    let mut found = Vec::new();
    for text in scenario_texts(selection)? {
        match text.and_then(|(file, text)| scenario::decode(&file, &text)) {
            Ok(scenario) => found.push(scenario),
            Err(diagnostics) => wrong.push(diagnostics),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Files(wrong));
    }
    if let Some(tag) = &selection.tag {
        found.retain(|file| file.scenario.tags.contains(tag));
    }
    match found.is_empty() {
        true => Err(Failure::Usage(format!(
            "no scenario has the tag `{}`; see `chaos list scenarios`",
            selection.tag.as_deref().unwrap_or_default(),
        ))),
        false => Ok(found),
    }
}

/// Name and text of each file, or why it cannot be read.
type FileText = Result<(String, String), Diagnostics>;

fn scenario_texts(selection: &Selection) -> Result<Vec<FileText>, Failure> {
    if selection.scenarios.is_empty() {
        return Ok(library::names().filter_map(library_file).map(Ok).collect());
    }
    selection
        .scenarios
        .iter()
        .map(|typed| match library_file(typed) {
            Some(found) => Ok(Ok(found)),
            None if looks_like_file(typed) => {
                Ok(validate::read(Path::new(typed)).map(|read| (read.shown, read.text)))
            }
            None => Err(unknown("scenario", typed, library::names(), "chaos list scenarios")),
        })
        .collect()
}

fn library_file(name: &str) -> Option<(String, String)> {
    Some((library::file_name(name), library::text(name)?.to_owned()))
}

fn looks_like_file(typed: &str) -> bool {
    let yaml = Path::new(typed).extension().is_some_and(|it| it == "yaml" || it == "yml");
    yaml || typed.contains('/')
}

fn targets(typed: &[String]) -> Result<Vec<Asked>, Failure> {
    let every = ["*".to_owned()];
    let typed = if typed.is_empty() { &every } else { typed };
    let mut found: Vec<Asked> = Vec::new();
    let mut wrong: Vec<Diagnostics> = Vec::new();
    for word in typed {
        for text in target_texts(word)? {
            let read = text.and_then(|(read, mode)| {
                let modes = mode.map(|mode| modes(&mode));
                let target = target::decode(&read.shown, &read.name, &read.text)?;
                Ok((target, modes))
            });
            match read {
                Ok(asked) if found.contains(&asked) => {}
                Ok(asked) => found.push(asked),
                Err(diagnostics) => wrong.push(diagnostics),
            }
        }
    }
    if wrong.is_empty() { Ok(found) } else { Err(Failure::Files(wrong)) }
}

/// A target's file and the mode that was asked of it, or why it cannot be read.
type TargetText = Result<(File, Option<String>), Diagnostics>;

fn target_texts(typed: &str) -> Result<Vec<TargetText>, Failure> {
    if looks_like_file(typed) {
        return Ok(vec![validate::read(Path::new(typed)).map(|read| (read, None))]);
    }
    let (pattern, mode) = match typed.split_once('@') {
        Some((pattern, mode)) => (pattern, Some(mode.to_owned())),
        None => (typed, None),
    };
    let matching: Vec<TargetText> = CATALOGUE
        .iter()
        .filter(|it| matches(pattern, it.name))
        .map(|it| {
            let file = format!("{}/compose.yaml", it.name);
            let (name, text) = (it.name.to_owned(), it.compose.to_owned());
            Ok((File { shown: file, name, text }, mode.clone()))
        })
        .collect();
    if matching.is_empty() {
        let names = CATALOGUE.iter().map(|it| it.name);
        return Err(unknown("target", pattern, names, "chaos list targets"));
    }
    Ok(matching)
}

/// Whether a name matches a pattern in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(after, &rest[at..]))
        }),
    }
}

fn workloads(targets: &[Asked]) -> Result<BTreeMap<String, Workload>, Failure> {
    let mut found = BTreeMap::new();
    for (target, _) in targets {
        let name = &target.workload;
        let workload = match workload::builtin(name) {
            Some(workload) => workload,
            None if looks_like_file(name) => {
                let read = validate::read(Path::new(name));
                let decoded = read.and_then(|read| workload::decode(&read.shown, &read.text));
                decoded.map_err(|wrong| Failure::Files(vec![wrong]))?
            }
            None => {
                return Err(Failure::Usage(format!(
                    "target `{}` names the workload `{name}`, which is neither built in (checkout) \
                     nor a file",
                    target.name
                )));
            }
        };
        found.insert(name.clone(), workload);
    }
    Ok(found)
}

fn modes(typed: &str) -> Modes {
    match typed {
        "all" => Modes::Expected,
        named => Modes::Named(named.split(',').map(|mode| mode.trim().to_owned()).collect()),
    }
}

fn overrides(selection: &Selection) -> Result<Overrides, Failure> {
    let thresholds = selection.thresholds.iter().map(|text| {
        Expectation::parse(text).map_err(|error| Failure::Usage(format!("--threshold: {error}")))
    });
    Ok(Overrides {
        rate: selection.rate,
        safeguards_off: safeguards_off(&selection.set)?,
        mutants: selection.mutants.clone(),
        timeout: selection.timeout,
        thresholds: thresholds.collect::<Result<_, _>>()?,
        engine: (selection.engine != "auto").then(|| selection.engine.clone()),
    })
}

fn safeguards_off(set: &[String]) -> Result<Vec<String>, Failure> {
    set.iter()
        .map(|typed| match typed.split_once('=') {
            Some((name, "off")) => Ok(name.to_ascii_uppercase()),
            _ => Err(Failure::Usage(format!("`--set {typed}` is not of the form SAFEGUARD=off"))),
        })
        .collect()
}

fn compile_failure(errors: Vec<CompileError>) -> Failure {
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for error in errors {
        match error {
            CompileError::Scenario(diagnostics) => files.push(diagnostics),
            other => others.push(other.to_string()),
        }
    }
    if others.is_empty() { Failure::Files(files) } else { Failure::Usage(others.join("\n")) }
}

#[expect(clippy::needless_pass_by_value, reason = "reads well as `map_err(usage)`")]
fn usage(error: impl ToString) -> Failure {
    Failure::Usage(error.to_string())
}

/// A name that is not known: what would have been right, and the nearest of it.
fn unknown(
    kind: &str,
    typed: &str,
    known: impl Iterator<Item = &'static str> + Clone,
    list: &str,
) -> Failure {
    let nearest = known
        .clone()
        .map(|name| (strsim::normalized_damerau_levenshtein(typed, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.5);
    let hint = nearest.map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"));
    let names: Vec<&str> = known.collect();
    Failure::Usage(format!(
        "no {kind} is called `{typed}`{hint} (there are {}; see `{list}`)",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("*", "broker"));
        assert!(matches("bro*", "broker"));
        assert!(matches("*ok*r", "broker"));
        assert!(!matches("bro", "broker"));
        assert!(!matches("m*", "broker"));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let failure = unknown("target", "brokr", ["broker", "monolith"].into_iter(), "chaos list");
        assert!(failure.to_string().contains("did you mean `broker`?"), "{failure}");
    }

    #[test]
    fn a_safeguard_is_only_ever_switched_off() {
        assert_eq!(
            safeguards_off(&["outbox=off".to_owned()]).ok(),
            Some(vec!["OUTBOX".to_owned()])
        );
        assert!(safeguards_off(&["OUTBOX=on".to_owned()]).is_err());
        assert!(safeguards_off(&["OUTBOX".to_owned()]).is_err());
    }
}
