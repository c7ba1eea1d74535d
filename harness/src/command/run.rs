//! `chaos run`: the main job, from what was typed to a report and an exit code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaos_reports::judge::exit_code;
use chaos_reports::judge::report::{ExperimentHeader, ExperimentReport};
use chaos_reports::render;
use chaos_scenarios::plan::Plan;
use chrono::{DateTime, Utc};
use tokio_util::sync::DropGuard;

use super::selection::{self, Chosen};
use super::{block_on, plan};
use crate::cli::{Output, RunArguments, Show};
use crate::exit::{self, Failure};
use crate::experiment::{Bench, Experiment, FolderError, conduct, formats, judge, write_reports};
use crate::recorder::wall_clock;
use crate::serve::Door;
use crate::serve::metrics::{self, Metrics};
use crate::terminal::progress::Style;
use crate::terminal::{self, table};

/// Runs what was chosen.
pub fn execute(arguments: &RunArguments, show: Show) -> Result<u8, Failure> {
    if arguments.dry_run {
        return plan::execute(arguments, show);
    }
    let formats = formats(&arguments.format).map_err(Failure::Usage)?;
    let intent = intent(arguments)?;
    let door = arguments.metrics.map(|address| Door::open(address, arguments.allow_remote));
    let door = door.transpose()?;
    block_on(async {
        let style = Style::detect(show.quiet);
        let (metrics, _serving) = door.map(serve).transpose()?.unzip();
        let bench = Bench::prepare(arguments.allow_remote, style, arguments.keep).await?;
        let mut bench = bench.with_metrics(metrics);
        bench.is_alone()?;
        bench.make_images(intent.plans()).await?;
        let experiment = intent.into_experiment(&bench)?;
        conduct(&experiment, &bench).await?;
        let report = judge(&experiment).map_err(Failure::environment)?;
        let paths = write_reports(&experiment, &report, &formats).map_err(Failure::environment)?;
        present(&report, &paths, show)?;
        let judged = exit_code(&report, arguments.exit_zero, arguments.require_all);
        Ok(exit::unless_interrupted(judged, bench.stop().signal().as_deref()))
    })
}

/// Tells what goes on until what is returned is dropped.
fn serve(door: Door) -> Result<(Arc<Metrics>, DropGuard), Failure> {
    let address = door.address();
    let metrics = Arc::new(Metrics::new());
    let serving = door.serve(metrics.clone()).map_err(Failure::environment)?;
    terminal::tell(&format!("metrics: http://{address}{}", metrics::PATH));
    Ok((metrics, serving))
}

/// What is going to be run.
enum Intent {
    /// An experiment that begins, and its folder.
    New(Chosen, PathBuf),
    /// An experiment that was cut off.
    Resumed(Box<Experiment>),
}

/// Finds every mistake before Docker is asked for anything.
fn intent(arguments: &RunArguments) -> Result<Intent, Failure> {
    let usage = |error: FolderError| Failure::Usage(error.to_string());
    if let Some(folder) = &arguments.resume {
        return Ok(Intent::Resumed(Box::new(Experiment::open(folder).map_err(usage)?)));
    }
    let chosen = selection::choose(&arguments.selection)?;
    let folder = arguments.out.clone().unwrap_or_else(|| usual_folder(&chosen.name));
    Experiment::check_folder(&folder).map_err(usage)?;
    Ok(Intent::New(chosen, folder))
}

impl Intent {
    fn plans(&self) -> &[Plan] {
        match self {
            Self::New(chosen, _) => &chosen.plans,
            Self::Resumed(experiment) => &experiment.plans,
        }
    }

    fn into_experiment(self, bench: &Bench) -> Result<Experiment, Failure> {
        match self {
            Self::New(chosen, folder) => {
                let header = header(bench, &chosen);
                Experiment::create(&folder, header, chosen.plans)
                    .map_err(|error| Failure::Usage(error.to_string()))
            }
            Self::Resumed(experiment) => Ok(*experiment),
        }
    }
}

/// Shows the result: the table and where the report is, or the report itself for programs.
pub(super) fn present(
    report: &ExperimentReport,
    paths: &[PathBuf],
    show: Show,
) -> Result<(), Failure> {
    match show.output {
        Output::Human => {
            let shown = paths.iter().find(|path| path.ends_with("index.html")).or(paths.first());
            let place =
                shown.map_or_else(String::new, |path| format!("\n\nreport: {}", path.display()));
            terminal::result(&format!("{}{place}", table::render(report)));
        }
        Output::Json => {
            let json = render::format("json").expect("JSON is a format of every version");
            for artifact in (json.render)(report).map_err(Failure::environment)? {
                terminal::result(&String::from_utf8_lossy(&artifact.bytes));
            }
        }
    }
    Ok(())
}

fn header(bench: &Bench, chosen: &Chosen) -> ExperimentHeader {
    ExperimentHeader {
        experiment: bench.experiment.clone(),
        seed: chosen.seed,
        started: wall_clock(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: bench.host(),
        command: repeating_command(std::env::args().skip(1), chosen.seed),
    }
}

fn usual_folder(name: &str) -> PathBuf {
    let now = DateTime::<Utc>::from_timestamp_micros(wall_clock()).unwrap_or_default();
    Path::new("runs").join(format!("{}-{name}", now.format("%Y%m%d-%H%M%S")))
}

/// The command line that makes the same plans again: as typed, without `--out`, with the seed.
fn repeating_command(typed: impl Iterator<Item = String>, seed: u64) -> String {
    let mut words = vec!["chaos".to_owned()];
    let mut skip_value = false;
    let mut seeded = false;
    for word in typed {
        if std::mem::take(&mut skip_value) {
            continue;
        }
        match word.as_str() {
            "--out" => skip_value = true,
            out if out.starts_with("--out=") => {}
            other => {
                seeded |= other == "--seed" || other.starts_with("--seed=");
                words.push(quoted(other));
            }
        }
    }
    if !seeded {
        words.push(format!("--seed {seed}"));
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=@:%,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repeating_command_has_the_seed_and_no_folder() {
        let typed = ["run", "broker-down", "--out", "x", "--threshold", "recovery<10s"];
        let command = repeating_command(typed.into_iter().map(str::to_owned), 7);
        assert_eq!(command, "chaos run broker-down --threshold 'recovery<10s' --seed 7");
        let typed = ["run", "baseline", "--seed", "3"].into_iter().map(str::to_owned);
        assert_eq!(repeating_command(typed, 3), "chaos run baseline --seed 3");
    }
}
