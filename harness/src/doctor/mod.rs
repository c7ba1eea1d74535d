//! Says what works on this machine and what does not, before a run finds out.

mod daemon;
mod host;

use std::path::Path;

use crate::docker::connect;

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It works.
    Ok,
    /// It works with limits, or something is missing that few need.
    Warn,
    /// No run can work like this.
    Fail,
}

impl Status {
    /// The name in tables and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// How good it is.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do; empty where nothing is to be done.
    pub advice: String,
}

impl Finding {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into(), advice: String::new() }
    }

    fn warn(name: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, detail: detail.into(), advice: advice.into() }
    }

    fn fail(name: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, detail: detail.into(), advice: advice.into() }
    }
}

/// Looks at everything that a run needs. Nothing is changed. `out` is the folder where reports
/// would go; it need not exist.
pub async fn examine(allow_remote: bool, out: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    match connect(allow_remote).await {
        Ok(daemon) => {
            findings.extend(daemon::examine(&daemon).await);
            findings.extend(host::docker_disk(&daemon.facts));
        }
        Err(error) => {
            // The message says what to do after its first colon.
            let text = error.to_string();
            let (detail, advice) = text.split_once(": ").unwrap_or((&text, ""));
            findings.push(Finding::fail("docker", detail, advice));
        }
    }
    findings.extend(host::examine(out).await);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_is_the_largest() {
        assert_eq!([Status::Warn, Status::Fail, Status::Ok].into_iter().max(), Some(Status::Fail));
        assert_eq!(Status::Warn.name(), "warn");
    }
}
