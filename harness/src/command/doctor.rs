//! `chaos doctor`: what works on this machine, what does not, and what to do about it.

use std::path::Path;

use console::style;
use serde_json::{Value, json};

use super::{block_on, calibrate};
use crate::cli::{DoctorArguments, Output, Show};
use crate::doctor::{Finding, Status, examine};
use crate::exit::{ENVIRONMENT, Failure};
use crate::terminal;

/// Looks at everything that a run needs; 3 if no run can work.
pub fn execute(arguments: DoctorArguments, show: Show) -> Result<u8, Failure> {
    if arguments.calibrate {
        return calibrate::execute(show);
    }
    let findings = block_on(async { Ok(examine(true, Path::new("runs")).await) })?;
    match show.output {
        Output::Human => {
            let lines: Vec<String> = findings.iter().map(line).collect();
            terminal::result(&lines.join("\n"));
        }
        Output::Json => {
            let list: Vec<Value> = findings.iter().map(json).collect();
            terminal::result(&Value::from(list).to_string());
        }
    }
    let broken = findings.iter().any(|finding| finding.status == Status::Fail);
    Ok(if broken { ENVIRONMENT } else { 0 })
}

fn line(finding: &Finding) -> String {
    let mark = match finding.status {
        Status::Ok => style("✓").green(),
        Status::Warn => style("!").yellow(),
        Status::Fail => style("✗").red(),
    };
    let advice = if finding.advice.is_empty() {
        String::new()
    } else {
        format!("\n  {:<16} → {}", "", finding.advice)
    };
    format!("{mark} {:<16} {}{advice}", finding.name, finding.detail)
}

fn json(finding: &Finding) -> Value {
    json!({
        "name": finding.name,
        "status": finding.status.name(),
        "detail": finding.detail,
        "advice": finding.advice,
    })
}
