//! The command line, as clap sees it: names, options and their help. What a command does stands in
//! `command/`.

use std::net::SocketAddr;
use std::path::PathBuf;

use chaos_scenarios::quantity::{Rate, Span};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Starts a system in containers, drives load, breaks parts of it, and tells what its users felt,
/// how it recovered, and whether any order was lost.
#[derive(Debug, Parser)]
#[command(name = "chaos", version, arg_required_else_help = true, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How it is shown.
    #[command(flatten)]
    pub show: Show,
}

/// How results and progress are shown.
#[derive(Debug, Clone, Copy, Args)]
pub struct Show {
    /// Form of the result on standard output
    #[arg(long, global = true, value_enum, default_value_t = Output::Human)]
    pub output: Output,
    /// When to use colours (`NO_COLOR` is honoured)
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Show no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// Form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal that shows them.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios on targets, and report
    Run(Box<RunArguments>),
    /// Show what a run would start, touch and measure; nothing is started
    Plan(Box<RunArguments>),
    /// List what there is
    List(ListArguments),
    /// Check scenario and target files
    Validate(ValidateArguments),
    /// Print the JSON Schema of a kind of file, for editors
    Schema {
        /// The kind of file
        #[arg(value_enum)]
        what: Described,
    },
    /// Render the reports of an experiment again, offline
    Report(ReportArguments),
    /// Start a target and leave it running
    Up(UpArguments),
    /// Stop and remove targets that were left running
    Down(DownArguments),
    /// Show the logs of a running target
    Logs(LogsArguments),
    /// Send the dead letters of a running target again
    Redrive(RedriveArguments),
    /// Remove everything that ended runs left behind
    Clean(CleanArguments),
    /// Stop the experiment that runs on this machine; it undoes and removes what it did
    Halt,
    /// Tell what works on this machine and what does not
    Doctor(DoctorArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Make the images of the built-in targets, where they are missing
    #[command(hide = true)]
    Images,
    /// Be a part of the reference application (inside its containers)
    #[command(hide = true)]
    Refapp {
        /// The part.
        role: String,
    },
    /// Be the server whose outages are known, for a calibration
    #[command(hide = true)]
    TruthStub,
    /// Act inside a container, for a fault
    #[command(hide = true, subcommand)]
    Helper(Task),
}

/// What is done inside a container.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Kill the main process
    Crash,
    /// Keep threads busy until the standard input ends
    HogCpu {
        /// How many.
        threads: u32,
    },
    /// Take memory until the container uses so much, and keep it until the standard input ends
    HogMemory {
        /// Bytes.
        until: u64,
    },
    /// Act on packets as the standard input says, until it ends
    Network,
    /// Put messages that nobody can read into a queue of this broker, and tell what becomes of them
    /// until the standard input ends
    Poison {
        /// The queue.
        queue: String,
        /// How many.
        count: u32,
        /// Milliseconds between two of them.
        every: u64,
        /// The queue that takes what is given up.
        dead: Option<String>,
    },
    /// Take what is left of them out again
    PoisonSweep {
        /// The queue.
        queue: String,
        /// How many were sent.
        sent: u32,
        /// The queue that takes what is given up.
        dead: Option<String>,
    },
    /// Keep a container running
    Hold,
    /// Fill the volume in a folder until the standard input ends
    Fill {
        /// Where it is.
        folder: PathBuf,
        /// How much of it is in use then.
        percent: u8,
    },
    /// Remove what fills the volume in a folder, and write something there
    ProbeVolume {
        /// Where it is.
        folder: PathBuf,
    },
    /// Tell how many messages wait in queues of this broker until the standard input ends
    QueueDepths {
        /// The queues.
        queues: Vec<String>,
    },
    /// Stand before a replica, and make trouble for those who call it
    Proxy(ProxyArguments),
}

/// What stands before what.
#[derive(Debug, Clone, Args)]
pub struct ProxyArguments {
    /// Host name of the replica
    pub upstream: String,
    /// Port on which orders are taken
    #[arg(long)]
    pub admin: u16,
    /// Ports whose HTTP is passed on
    #[arg(long)]
    pub http: Vec<u16>,
    /// Ports whose bytes are passed on
    #[arg(long)]
    pub pass: Vec<u16>,
}

/// What is put to the test, and how.
#[derive(Debug, Clone, Args)]
pub struct Selection {
    /// Scenarios of the library, or scenario files
    #[arg(value_name = "SCENARIO", required_unless_present_any = ["all", "tag", "resume"])]
    pub scenarios: Vec<String>,
    /// Every scenario of the library
    #[arg(long, conflicts_with = "scenarios")]
    pub all: bool,
    /// Scenarios of the library with this tag
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Targets: names (with `*`), `NAME@MODE`, or Compose files; left out, every built-in one
    #[arg(long = "target", alias = "variant", value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Modes of the targets, with commas between them; `all` adds the modes that a scenario expects something of
    #[arg(long, default_value = "hardened")]
    pub mode: String,
    /// Switch a safeguard of the target off, such as `OUTBOX=off`
    #[arg(long = "set", value_name = "SAFEGUARD=off")]
    pub set: Vec<String>,
    /// Plant a defect in the target, for an exam of the auditor
    #[arg(long = "mutant", value_name = "MUTANT", hide = true)]
    pub mutants: Vec<String>,
    /// Arrivals per second, such as `200/s`
    #[arg(long)]
    pub rate: Option<Rate>,
    /// Load generator
    #[arg(long, default_value = "auto", value_parser = ["auto", "goose", "direct"])]
    pub engine: String,
    /// How often each scenario is run on each target; left out, as the profile says
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeat: Option<u32>,
    /// All chance derives from it; left out, one is drawn and printed
    #[arg(long)]
    pub seed: Option<u64>,
    /// Lengths of the phases
    #[arg(long, default_value = "standard", value_parser = ["quick", "standard", "thorough"])]
    pub profile: String,
    /// Time after which a client gives up a request, such as `3s`
    #[arg(long)]
    pub timeout: Option<Span>,
    /// A further expectation, such as `recovery<10s for broker`
    #[arg(long = "threshold", value_name = "EXPECTATION")]
    pub thresholds: Vec<String>,
}

/// Options of `run` and `plan`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(next_line_help = false)]
pub struct RunArguments {
    /// What is put to the test.
    #[command(flatten)]
    pub selection: Selection,
    /// Folder for what the experiment leaves behind; must not exist or be empty [default:
    /// runs/TIME-NAME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the experiment in this folder: runs that are missing or measured nothing are
    /// made; scenarios, targets and all that shapes a plan are those of its beginning
    #[arg(long, value_name = "DIR", conflicts_with_all = ["scenarios", "all", "tag", "out", "dry_run"])]
    pub resume: Option<PathBuf>,
    /// Reports to write
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "FORMAT",
        default_value = "html,json,junit,md"
    )]
    pub format: Vec<String>,
    /// Leave the containers of the last run running
    #[arg(long)]
    pub keep: bool,
    /// Show the plan, start nothing (the same as `chaos plan`)
    #[arg(long)]
    pub dry_run: bool,
    /// Exit with 3 if the host lacks what a scenario needs
    #[arg(long)]
    pub require_all: bool,
    /// Exit with 0 even if expectations did not hold (masks 1, 4 and 5)
    #[arg(long)]
    pub exit_zero: bool,
    /// Tell Prometheus what goes on, under `/metrics` at an address such as `127.0.0.1:9464`
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// Accept a Docker daemon on another host, and let other hosts ask for metrics
    #[arg(long)]
    pub allow_remote: bool,
}

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// The library of scenarios.
    Scenarios,
    /// The built-in targets.
    Targets,
    /// What can be done to a component.
    Faults,
    /// What can be asked of a run.
    Measures,
    /// What the notes on architectures claim.
    Claims,
}

/// A kind of file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Described {
    /// A scenario.
    Scenario,
    /// A Compose file with `x-chaos`.
    Target,
}

/// Options of `list`.
#[derive(Debug, Clone, Copy, Args)]
pub struct ListArguments {
    /// What to list
    #[arg(value_enum)]
    pub what: Listed,
}

/// Options of `validate`.
#[derive(Debug, Clone, Args)]
pub struct ValidateArguments {
    /// Scenario files and Compose files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Options of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArguments {
    /// Folder of the experiment
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Reports to write
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "FORMAT",
        default_value = "html,json,junit,md"
    )]
    pub format: Vec<String>,
}

/// Options of `up`.
#[derive(Debug, Clone, Args)]
pub struct UpArguments {
    /// A built-in target, `NAME@MODE`, or a Compose file
    pub target: String,
    /// Mode of the target
    #[arg(long, default_value = "hardened")]
    pub mode: String,
    /// Switch a safeguard of the target off, such as `OUTBOX=off`
    #[arg(long = "set", value_name = "SAFEGUARD=off")]
    pub set: Vec<String>,
    /// Accept a Docker daemon on another host
    #[arg(long)]
    pub allow_remote: bool,
}

/// Options of `down`.
#[derive(Debug, Clone, Args)]
pub struct DownArguments {
    /// Only targets of this name
    pub target: Option<String>,
}

/// Options of `logs`.
#[derive(Debug, Clone, Args)]
pub struct LogsArguments {
    /// The target, if more than one runs
    pub target: Option<String>,
    /// Only these components
    #[arg(long = "component", value_name = "COMPONENT")]
    pub components: Vec<String>,
}

/// Options of `redrive`.
#[derive(Debug, Clone, Args)]
pub struct RedriveArguments {
    /// The target
    pub target: String,
}

/// Options of `clean`.
#[derive(Debug, Clone, Copy, Args)]
pub struct CleanArguments {
    /// Also what `chaos up` and `--keep` left running on purpose
    #[arg(long)]
    pub all: bool,
}

/// Options of `doctor`.
#[derive(Debug, Clone, Copy, Args)]
pub struct DoctorArguments {
    /// Measure how well this machine measures, in about 15 s; needs no Docker
    #[arg(long)]
    pub calibrate: bool,
}
