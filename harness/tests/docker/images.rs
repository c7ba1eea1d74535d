//! Images are built once, from content, and a build that fails says why.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use chaos_harness::docker::DockerError;
use chaos_harness::docker::image::{BASE, build_archive, ensure_base, ensure_images, is_built};

use crate::fixture::{client, daemon};

fn quiet(_: &str, _: &str) {}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_executable_becomes_an_image_and_is_built_once() {
    let daemon = daemon().await;
    let executable = Path::new(env!("CARGO_BIN_EXE_chaos"));
    let references = BTreeSet::from(["chaos/chaos".to_owned(), BASE.to_owned()]);
    let told = |image: &str, line: &str| eprintln!("{image}: {line}");
    let begun = Instant::now();
    let images = ensure_images(&daemon, &references, executable, &told).await.expect("it builds");
    eprintln!("made ready in {:?}", begun.elapsed());
    let tag = &images["chaos/chaos"];
    let (name, content) = tag.rsplit_once(':').expect("a tag");
    assert_eq!((name, content.len()), ("chaos/chaos", 12));
    assert!(images[BASE].starts_with("sha256:"), "{images:?}");
    assert_eq!(is_built(&daemon, "chaos/chaos", executable).await, Ok(true));

    // The alias means the same image, which starts by its own loader.
    let client = client();
    let by_tag = client.inspect_image(tag).await.expect("it is there");
    let by_alias = client.inspect_image("chaos/chaos:latest").await.expect("it is there");
    assert_eq!(by_tag.id, by_alias.id);
    let output = std::process::Command::new("docker")
        .args(["run", "--rm", "--read-only", "--network=none", tag, "--help"])
        .output()
        .expect("docker");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let begun = Instant::now();
    ensure_images(&daemon, &references, executable, &quiet).await.expect("all is there");
    let again = begun.elapsed();
    eprintln!("looked at again in {again:?}");
    assert!(again < Duration::from_secs(2), "nothing was to be done, and it took {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_shows_its_last_lines() {
    let daemon = daemon().await;
    let dockerfile = format!("FROM {BASE}\nRUN echo the disk of the mirror burns; exit 7\n");
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(dockerfile.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, "Dockerfile", dockerfile.as_bytes()).expect("it fits");
    let archive = archive.into_inner().expect("it fits");
    let built = build_archive(&daemon, "chaos-test/failing:1", archive, &quiet).await;
    let error = built.expect_err("it exits with 7");
    let DockerError::BuildFailed { reference, reason, output } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(reference, "chaos-test/failing");
    assert!(reason.contains('7'), "{reason}");
    assert!(output.contains("the disk of the mirror burns"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_is_named() {
    let daemon = daemon().await;
    let executable = Path::new(env!("CARGO_BIN_EXE_chaos"));
    let unknown = BTreeSet::from(["chaos/nothing".to_owned()]);
    let error = ensure_images(&daemon, &unknown, executable, &quiet).await.expect_err("unknown");
    assert!(error.to_string().contains("chaos/postgres"), "{error}");
    // Nobody listens on this port, so the registry cannot be reached, wherever the test runs.
    let nowhere = BTreeSet::from(["127.0.0.1:9/absent:1".to_owned()]);
    let begun = Instant::now();
    let error = ensure_images(&daemon, &nowhere, executable, &quiet).await.expect_err("nowhere");
    assert!(matches!(error, DockerError::ImageMissing { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:9/absent:1"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute, needs root and Debian's mirror: run it when the base image changes"]
async fn the_base_image_is_made_where_no_registry_can_be_reached() {
    let daemon = daemon().await;
    let told = |image: &str, line: &str| eprintln!("{image}: {line}");
    let reference = "127.0.0.1:9/base:made";
    let begun = Instant::now();
    ensure_base(&daemon, reference, &told).await.expect("it is made");
    eprintln!("made in {:?}", begun.elapsed());
    let output = std::process::Command::new("docker")
        .args(["run", "--rm", reference, "cat", "/etc/os-release"])
        .output()
        .expect("docker");
    let text = String::from_utf8(output.stdout).expect("a text");
    assert!(text.contains("VERSION_CODENAME=trixie"), "{text}");
    let options = None::<bollard::query_parameters::RemoveImageOptions>;
    client().remove_image(reference, options, None).await.expect("it is removed");
}
