//! The program as a person or a pipeline meets it: what is typed, what is told, and the exit code.
//! Nothing here needs Docker; what needs it is told that there is none.

mod wrong_files;

use std::fs;
use std::path::Path;

use assert_cmd::Command;

/// What one invocation did.
struct Told {
    code: i32,
    result: String,
    errors: String,
}

/// Runs `chaos` in `folder`, where no Docker daemon can be reached.
fn chaos_in(folder: &Path, words: &[&str]) -> Told {
    let output = Command::cargo_bin("chaos")
        .expect("the program was built")
        .current_dir(folder)
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .env("NO_COLOR", "1")
        .args(words)
        .output()
        .expect("the program can be started");
    Told {
        code: output.status.code().expect("it was not killed"),
        result: String::from_utf8(output.stdout).expect("text"),
        errors: String::from_utf8(output.stderr).expect("text"),
    }
}

fn chaos(words: &[&str]) -> Told {
    chaos_in(Path::new("."), words)
}

/// Asserts the exit code, and that standard error tells all of `needles`.
#[track_caller]
fn refused(told: &Told, code: i32, needles: &[&str]) {
    assert_eq!(told.code, code, "{}", told.errors);
    for needle in needles {
        assert!(told.errors.contains(needle), "`{needle}` is not told:\n{}", told.errors);
    }
    assert_eq!(told.result, "", "a failure has no result");
}

#[test]
fn an_unknown_scenario_is_answered_with_the_nearest() {
    refused(&chaos(&["run", "broker-dwn"]), 2, &["broker-dwn", "did you mean `broker-down`?"]);
}

#[test]
fn an_experiment_is_resumed_as_it_was_planned_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let told = chaos_in(folder.path(), &["run", "--resume", "runs/gone"]);
    refused(&told, 2, &["runs/gone/experiment.json", "name the folder of an experiment"]);
    let told = chaos(&["run", "broker-down", "--resume", "runs/gone"]);
    refused(&told, 2, &["cannot be used with"]);
}

#[test]
fn an_unknown_target_is_answered_with_the_nearest() {
    let told = chaos(&["run", "broker-down", "--target", "brokr"]);
    refused(&told, 2, &["brokr", "did you mean `broker`?"]);
}

#[test]
fn an_unknown_safeguard_mode_format_or_threshold_starts_nothing() {
    let run = |more: &[&str]| {
        let words = [&["run", "broker-down", "--target", "broker"], more].concat();
        chaos(&words)
    };
    refused(&run(&["--set", "OUTBX=off"]), 2, &["OUTBX"]);
    refused(&run(&["--mode", "brave"]), 2, &["brave"]);
    refused(&run(&["--format", "pdf"]), 2, &["pdf", "html"]);
    refused(&run(&["--threshold", "recovry<10s"]), 2, &["recovry"]);
    refused(&run(&["--rate", "0/s"]), 2, &["rate"]);
    refused(&run(&["--timeout", "soon"]), 2, &["soon"]);
}

#[test]
fn every_mistake_of_a_file_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = "version: 1\ntitle: Wrong\ncliams: []\nmethod:\n  - at: soon\n    fault: {kil: {role: broker}}\n";
    fs::write(folder.path().join("wrong.yaml"), scenario).expect("a file");
    let told = chaos_in(folder.path(), &["validate", "wrong.yaml"]);
    let places = ["wrong.yaml:3:1", "wrong.yaml:5:9", "wrong.yaml:6:13", "claims", "kill"];
    refused(&told, 2, &places);
    let told = chaos_in(folder.path(), &["run", "wrong.yaml"]);
    refused(&told, 2, &places);
}

#[test]
fn a_missing_file_is_told_by_name() {
    refused(&chaos(&["validate", "nowhere.yaml"]), 2, &["nowhere.yaml"]);
    refused(&chaos(&["run", "./nowhere.yaml"]), 2, &["nowhere.yaml"]);
}

#[test]
fn a_folder_that_is_in_use_is_not_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("precious"), "data").expect("a file");
    let out = folder.path().display().to_string();
    let told = chaos(&["run", "baseline", "--out", &out]);
    refused(&told, 2, &[&out, "--out"]);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

/// Both are found before Docker is asked for anything, which would end with another message.
#[test]
fn an_address_for_metrics_is_ours_and_free_or_nothing_is_started() {
    let told = chaos(&["run", "baseline", "--metrics", "0.0.0.0:9464"]);
    refused(&told, 2, &["0.0.0.0:9464", "--allow-remote"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let told = chaos(&["run", "baseline", "--metrics", &address]);
    refused(&told, 3, &[&address, "cannot be listened on", "free the port"]);
    refused(&chaos(&["run", "baseline", "--metrics", "9464"]), 2, &["--metrics"]);
}

#[test]
fn without_a_daemon_one_message_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = chaos_in(folder.path(), &["run", "broker-down"]);
    refused(&told, 3, &["Docker", "/nonexistent/docker.sock"]);
    assert_eq!(told.errors.matches("error:").count(), 1, "{}", told.errors);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "a folder was made");
}

/// A shell starts what it puts in the background with the interrupt signal ignored.
#[test]
fn a_shell_that_ignores_the_interrupt_signal_is_no_obstacle() {
    let program = assert_cmd::cargo::cargo_bin("chaos");
    let script = format!("trap '' INT; exec {} run baseline", program.display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let output = shell.output().expect("there is a shell");
    assert_eq!(output.status.code(), Some(3));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("Docker") && !errors.contains("signal"), "{errors}");
}

#[test]
fn a_daemon_elsewhere_is_refused() {
    let mut command = Command::cargo_bin("chaos").expect("the program was built");
    command.env("DOCKER_HOST", "tcp://192.0.2.1:2375").args(["run", "baseline"]);
    let output = command.output().expect("the program can be started");
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("--allow-remote"), "{told}");
}

#[test]
fn a_plan_needs_no_daemon_and_the_same_seed_gives_the_same_plan() {
    let words = ["plan", "broker-down", "--target", "broker", "--seed", "7"];
    let (first, second) = (chaos(&words), chaos(&words));
    assert_eq!(first.code, 0, "{}", first.errors);
    assert_eq!(first.result, second.result);
    assert!(first.result.contains("rabbitmq"), "{}", first.result);
    let dry = ["run", "broker-down", "--target", "broker", "--seed", "7", "--dry-run"];
    assert_eq!(chaos(&dry).result, first.result);
}

#[test]
fn lists_are_one_line_each_and_json_for_programs() {
    for what in ["scenarios", "targets", "faults", "measures", "claims"] {
        let human = chaos(&["list", what]);
        let json = chaos(&["list", what, "--output", "json"]);
        let list: serde_json::Value = serde_json::from_str(&json.result).expect("JSON");
        let count = list.as_array().expect("a list").len();
        assert!(count > 0 && human.result.lines().count() == count, "{what}: {}", human.result);
    }
}

#[test]
fn the_library_and_the_built_in_targets_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
    let scenarios = fs::read_dir(root.join("scenarios/src/library")).expect("the library");
    let mut files: Vec<String> =
        scenarios.flatten().map(|entry| entry.path().display().to_string()).collect();
    for target in chaos_targets::CATALOGUE {
        let folder = root.join("targets").join(target.name);
        files.push(folder.join("compose.yaml").display().to_string());
    }
    let words: Vec<&str> =
        ["validate"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let told = chaos(&words);
    assert_eq!(told.code, 0, "{}", told.errors);
}

#[test]
fn a_schema_is_printed_for_every_kind_of_file() {
    for what in ["scenario", "target"] {
        let told = chaos(&["schema", what]);
        let schema: serde_json::Value = serde_json::from_str(&told.result).expect("JSON");
        assert!(schema["properties"].is_object(), "{what}: {}", told.errors);
    }
    refused(&chaos(&["schema", "plan"]), 2, &["scenario", "target"]);
}

#[test]
fn a_report_of_no_experiment_is_refused() {
    refused(&chaos(&["report", "/nonexistent"]), 2, &["/nonexistent"]);
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let told = chaos(&["completions", shell]);
        assert!(told.code == 0 && told.result.contains("redrive"), "{shell}");
    }
}
