//! Keeps the shape of the repository: which crate may know which, which module may name which
//! library, how large a file may grow, and that nothing speaks of the machine it was written on.

use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Lines that a source file may have, with its tests.
const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

fn direct_dependencies(package: &str) -> Vec<String> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .expect("the manifests can be read");
    let package = metadata.packages.iter().find(|it| it.name.as_str() == package);
    let dependencies = &package.expect("the package exists").dependencies;
    let shipped = dependencies.iter().filter(|it| it.kind != DependencyKind::Development);
    shipped.map(|it| it.name.clone()).collect()
}

/// Every file below `folder` that git tracks or would track, by extension.
fn sources(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository").flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && name != "target" && name != "snapshots" {
                open.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                found.push(path);
            }
        }
    }
    found
}

fn rust_sources() -> Vec<PathBuf> {
    let crates = ["harness", "reports", "scenarios", "targets"];
    crates.iter().flat_map(|name| sources(name, "rs")).collect()
}

#[test]
fn arrows_between_crates_point_one_way() {
    let allowed = [
        ("chaos-scenarios", vec![]),
        ("chaos-reports", vec!["chaos-scenarios"]),
        ("chaos-targets", vec![]),
        ("chaos-harness", vec!["chaos-reports", "chaos-scenarios", "chaos-targets"]),
    ];
    for (package, allowed) in allowed {
        let ours = direct_dependencies(package).into_iter().filter(|it| it.starts_with("chaos-"));
        for dependency in ours {
            assert!(allowed.contains(&dependency.as_str()), "{package} must not know {dependency}");
        }
    }
}

#[test]
fn pure_crates_have_no_async_no_docker_and_no_clock() {
    for package in ["chaos-scenarios", "chaos-reports"] {
        for banned in ["tokio", "bollard", "goose", "reqwest", "futures", "rand"] {
            let known = direct_dependencies(package);
            assert!(!known.iter().any(|it| it == banned), "{package} must not know {banned}");
        }
    }
}

#[test]
fn a_library_is_named_only_in_the_folder_that_wraps_it() {
    let homes = [
        ("bollard::", vec!["harness/src/docker/", "harness/tests/docker/"]),
        ("goose::", vec!["harness/src/load/"]),
        ("clap::", vec!["harness/src/cli.rs", "harness/src/command/", "harness/src/main.rs"]),
        ("maud::", vec!["reports/src/render/html", "reports/src/chart/"]),
        (
            "lapin::",
            vec![
                "targets/src/messaging/",
                "targets/src/wiring/broker/tests.rs",
                "targets/tests/crash_points/queues.rs",
                "harness/src/audit/",
                "harness/src/helper/broker/",
                "harness/tests/contract/",
                "harness/tests/docker/broker",
            ],
        ),
    ];
    for path in rust_sources() {
        let relative = path.strip_prefix(root()).expect("below the root").display().to_string();
        let text = fs::read_to_string(&path).expect("a source file");
        for (library, homes) in &homes {
            let at_home = homes.iter().any(|home| relative.starts_with(home));
            let named = text
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && line.contains(library));
            let this_test = relative == "harness/tests/tidy/main.rs";
            assert!(at_home || !named || this_test, "{relative} names {library}");
        }
    }
}

#[test]
fn files_stay_small_and_say_why_they_exist() {
    for path in rust_sources() {
        let text = fs::read_to_string(&path).expect("a source file");
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines, at most {LINES_MAX}", path.display());
        assert!(text.starts_with("//!"), "{} does not say why it exists", path.display());
    }
}

#[test]
fn nothing_speaks_of_the_machine_it_was_written_on() {
    // Where the checkout lies, which no other machine has.
    let trace = format!("{}/", root().display());
    let kinds = ["rs", "yaml", "yml", "md", "toml", "sh"];
    let folders = ["harness", "reports", "scenarios", "targets", "docker", "ci"];
    let files = folders.iter().flat_map(|folder| kinds.iter().flat_map(|it| sources(folder, it)));
    for path in files {
        let text = fs::read_to_string(&path).expect("a text file");
        assert!(!text.contains(&trace), "{} names {trace}", path.display());
    }
}
