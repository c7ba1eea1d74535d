//! `chaos redrive TARGET`: sends the dead letters of a running target again, through the endpoints
//! that its file names.

use chaos_scenarios::action::Replica;
use serde_json::{Value, json};

use super::{attach, block_on, selection};
use crate::cli::{Output, RedriveArguments, Show};
use crate::exit::Failure;
use crate::redrive::{self, Answer};
use crate::terminal;

/// Asks every redrive endpoint of the target.
pub fn execute(arguments: &RedriveArguments, show: Show) -> Result<u8, Failure> {
    let plan = selection::one_target(&arguments.target, "hardened", &[])?;
    let target = plan.target;
    if target.redrive.is_empty() {
        let name = &target.name;
        return Err(Failure::Usage(format!(
            "target `{name}` names no redrive endpoint in x-chaos"
        )));
    }
    block_on(async {
        let (_, deployment) = attach(Some(&target.name)).await?;
        let mut told = Vec::new();
        for endpoint in &target.redrive {
            let urls = deployment.urls(endpoint);
            if urls.is_empty() {
                let told = format!("{endpoint} is not published by the running target");
                return Err(Failure::Environment(told));
            }
            // Every replica is asked, since only one of them may lead.
            for (replica, url) in urls {
                let answer = redrive::ask(&url).await.map_err(|error| {
                    let told = format!("{endpoint} of {replica} could not be asked: {error}");
                    Failure::Environment(told)
                })?;
                told.push((replica, endpoint.to_string(), answer));
            }
        }
        present(&told, show);
        Ok(0)
    })
}

fn present(told: &[(Replica, String, Answer)], show: Show) {
    if show.output == Output::Json {
        let list: Vec<Value> = told
            .iter()
            .map(|(replica, endpoint, answer)| {
                let replica = replica.to_string();
                json!({"replica": replica, "endpoint": endpoint, "answer": answer})
            })
            .collect();
        return terminal::result(&Value::from(list).to_string());
    }
    let lines: Vec<String> = told
        .iter()
        .map(|(replica, endpoint, Answer { redriven, refused })| {
            format!("{replica} ({endpoint}): {redriven} sent again, {refused} refused")
        })
        .collect();
    terminal::result(&lines.join("\n"));
}
