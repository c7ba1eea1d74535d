//! `chaos up TARGET`: starts a target and leaves it running to look at.

use std::sync::Arc;

use chaos_reports::record::event::Ending;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::target::Target;
use serde_json::json;

use super::{block_on, selection};
use crate::audit::HttpAuditor;
use crate::cli::{Output, Show, UpArguments};
use crate::exit::Failure;
use crate::experiment::Bench;
use crate::load::Generator;
use crate::port::{Deployment, Ports};
use crate::recorder::Recorder;
use crate::run::Run;
use crate::terminal;
use crate::terminal::progress::Style;

/// Starts the target; it goes on until `chaos down`.
pub fn execute(arguments: &UpArguments, show: Show) -> Result<u8, Failure> {
    let plan = selection::one_target(&arguments.target, &arguments.mode, &arguments.set)?;
    block_on(async {
        let style = Style::detect(show.quiet);
        let mut bench = Bench::prepare(arguments.allow_remote, style, true).await?;
        bench.make_images(std::slice::from_ref(&plan)).await?;
        let deployment = stand_up(&bench, &plan).await?;
        present(&plan.target, &deployment, show);
        Ok(0)
    })
}

async fn stand_up(bench: &Bench, plan: &Plan) -> Result<Deployment, Failure> {
    let folder = std::env::temp_dir().join(format!("chaos-{}", bench.experiment));
    let setting = bench.setting(plan, 0, folder, true);
    let ports = Ports {
        runtime: Arc::new(bench.runtime()),
        load: Arc::new(Generator),
        auditor: Arc::new(HttpAuditor::new().map_err(Failure::environment)?),
    };
    let recorder = Recorder::new(Box::new(std::io::sink()));
    let run = Run::new(plan.clone(), setting, ports, recorder, bench.stop());
    run.stand_up().await.map_err(|ending| match ending {
        Ending::Error { message } => Failure::Environment(message),
        Ending::Interrupted { signal } => {
            Failure::Environment(format!("{signal}: everything was removed again"))
        }
        other => Failure::Environment(format!("{other:?}")),
    })
}

fn present(target: &Target, deployment: &Deployment, show: Show) {
    let entry = deployment.urls(&target.entry).into_iter().next().map(|(_, url)| url);
    let ports: Vec<(String, u16, u16)> = deployment
        .ports
        .iter()
        .map(|((replica, inside), outside)| (replica.to_string(), *inside, *outside))
        .collect();
    if show.output == Output::Json {
        let ports: Vec<_> = ports
            .iter()
            .map(|(replica, inside, outside)| {
                json!({"replica": replica, "port": inside, "loopback": outside})
            })
            .collect();
        let json = json!({"target": target.name, "entry": entry, "ports": ports});
        return terminal::result(&json.to_string());
    }
    let head = format!("{} runs at {}", target.name, entry.unwrap_or_default());
    let published = ports.iter().map(|(replica, inside, outside)| {
        format!("  {replica:<18} {inside:>5} → 127.0.0.1:{outside}")
    });
    let advice = "`chaos logs` shows its logs, `chaos down` removes it".to_owned();
    let lines: Vec<String> = std::iter::once(head).chain(published).chain([advice]).collect();
    terminal::result(&lines.join("\n"));
}
