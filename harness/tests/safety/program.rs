//! The programs that these tests start: `chaos` as it was built, and Docker's own client, which
//! knows nothing of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_chaos");
/// Pause between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// What one invocation did.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) result: String,
    pub(crate) errors: String,
}

impl From<std::process::Output> for Told {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            code: output.status.code(),
            result: text(output.stdout),
            errors: text(output.stderr),
        }
    }
}

/// What is common to all invocations.
fn prepared(mut command: Command, folder: &Path, words: &[&str]) -> Command {
    command.current_dir(folder).env("NO_COLOR", "1").args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `chaos` to its end.
pub(crate) fn chaos(folder: &Path, words: &[&str]) -> Told {
    let mut command = prepared(Command::new(PROGRAM), folder, words);
    command.output().expect("the program starts").into()
}

/// Docker's client; its output, whatever its exit code.
pub(crate) fn docker(words: &[&str]) -> String {
    let output = Command::new("docker").args(words).output().expect("docker starts");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The same where a failure is one of the test.
pub(crate) fn docker_done(words: &[&str]) -> String {
    let output = Command::new("docker").args(words).output().expect("docker starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {}: {errors}", words.join(" "));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A program that needs root: as it is, or by sudo, which must not ask.
pub(crate) fn privileged(program: &str) -> Command {
    if nix::unistd::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", "--preserve-env=DOCKER_HOST,NO_COLOR", program]);
    command
}

/// A `chaos` that goes on. It is killed when it is dropped.
pub(crate) struct Running {
    child: Option<Child>,
    folder: PathBuf,
}

impl Running {
    /// Starts `chaos run` in a folder; what the experiment leaves behind goes to `out` there.
    pub(crate) fn run(folder: &Path, words: &[&str]) -> Self {
        Self::started(Command::new(PROGRAM), folder, words)
    }

    /// The same by a command that comes down to the program.
    pub(crate) fn started(command: Command, folder: &Path, words: &[&str]) -> Self {
        let words = [&["run", "--profile", "quick", "--out", "out"], words].concat();
        let child = prepared(command, folder, &words).spawn().expect("the program starts");
        Self { child: Some(child), folder: folder.to_owned() }
    }

    /// Number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it was not waited for").id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("it was not waited for");
        child.try_wait().expect("it can be asked").is_some()
    }

    /// Waits until its journal tells something, at most `limit`; returns all lines that do.
    pub(crate) fn until_told(&mut self, what: &str, count: usize, limit: Duration) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let told: Vec<String> = self
                .journal()
                .lines()
                .filter(|line| line.contains(what))
                .map(str::to_owned)
                .collect();
            if told.len() >= count {
                return told;
            }
            let goes_on = !self.has_ended() && begun.elapsed() <= limit;
            let seen = told.len();
            assert!(goes_on, "`{what}` was told {seen} times, not {count}: {:?}", self.give_up());
            sleep(LOOK);
        }
    }

    /// What the journal of its run holds so far.
    pub(crate) fn journal(&self) -> String {
        journal(&self.folder.join("out"))
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill starts");
        assert!(sent.success(), "{name} could not be sent");
    }

    /// Kills it by SIGKILL, at once.
    pub(crate) fn kill(mut self) -> Told {
        self.give_up()
    }

    fn give_up(&mut self) -> Told {
        let child = self.child.as_mut().expect("it was not waited for");
        child.kill().expect("it can be killed");
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> Told {
        let child = self.child.take().expect("it was not waited for");
        child.wait_with_output().expect("it ends").into()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The journal of the only run below a folder; empty as long as there is none.
pub(crate) fn journal(folder: &Path) -> String {
    find(folder, "journal.jsonl").and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default()
}

/// The first file of a name below a folder.
pub(crate) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|it| it == name) {
                return Some(path);
            }
        }
    }
    None
}
