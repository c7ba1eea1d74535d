//! The commands, one file each: from arguments to an exit code.

pub mod calibrate;
pub mod clean;
pub mod completions;
pub mod doctor;
pub mod down;
pub mod halt;
pub mod images;
pub mod list;
pub mod logs;
pub mod plan;
pub mod redrive;
pub mod report;
pub mod run;
pub mod schema;
mod selection;
pub mod up;
pub mod validate;

use crate::docker::{self, DockerRuntime};
use crate::exit::Failure;
use crate::port::Deployment;

/// Takes hold of a running target: of this name, or the only one.
async fn attach(target: Option<&str>) -> Result<(DockerRuntime, Deployment), Failure> {
    let daemon = docker::connect(false).await.map_err(Failure::environment)?;
    let mut found = docker::find_runs(&daemon).await.map_err(Failure::environment)?;
    found.retain(|run| target.is_none_or(|name| name == run.target));
    let run = match (&found[..], target) {
        ([run], _) => run,
        ([], Some(name)) => {
            let advice = format!("start it with `chaos up {name}`");
            return Err(Failure::Usage(format!("target `{name}` does not run; {advice}")));
        }
        ([], None) => {
            return Err(Failure::Usage("no target runs; start one with `chaos up`".to_owned()));
        }
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|run| run.target.as_str()).collect();
            return Err(Failure::Usage(format!("several targets run: {}", names.join(", "))));
        }
    };
    let runtime = DockerRuntime::new(daemon);
    let deployment = runtime.attach(&run.run).await.map_err(Failure::environment)?;
    Ok((runtime, deployment))
}

/// Runs a command's work to its end on a runtime of its own.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Environment(format!("no threads can be started: {error}")))?;
    let outcome = runtime.block_on(work);
    // What is still open (an idle connection, a sampler) must not hold up the exit.
    runtime.shutdown_background();
    outcome
}
