//! Full disks by comparing values: what is done, how it is proved, how both are undone.

use insta::assert_snapshot;

use super::tests::{on, refused};
use crate::plan::fixture::{broker, monolith};
use crate::quantity::Bytes;
use crate::target::{Mount, Target};

/// A broker with a volume of its own, whose size is known, and others beside it.
fn with_volumes(volumes: &[(&str, bool)]) -> Target {
    let mut target = broker();
    let mounts = volumes.iter().map(|(name, read_only)| Mount {
        volume: (*name).to_owned(),
        path: format!("/{name}"),
        read_only: *read_only,
    });
    target.components[3].mounts = mounts.collect();
    target.sizes_to_fill = [("messages".to_owned(), Bytes(512 << 20))].into();
    target
}

#[test]
fn a_volume_is_filled_until_writes_fail() {
    let target = with_volumes(&[("messages", false), ("settings", true)]);
    assert_snapshot!(on(&target, "disk-full: {role: broker}"), @r"
    fill the disk of them to 100%
    do:   fill 100% of the volume messages (512MiB) of rabbitmq-1
    felt: rabbitmq-1 has 100% of the volume messages (512MiB) in use
    undo: give the space in messages of rabbitmq-1 back; start rabbitmq-1
    done: rabbitmq-1 can write to messages; rabbitmq-1 runs; rabbitmq-1 is ready
    ");
    let target = with_volumes(&[("messages", false), ("logs", false)]);
    let written = "disk-full: {role: broker, volume: messages, fill: 95%}";
    assert_snapshot!(on(&target, written), @r"
    fill the disk of them to 95%
    do:   fill 95% of the volume messages (512MiB) of rabbitmq-1
    felt: rabbitmq-1 has 95% of the volume messages (512MiB) in use
    undo: give the space in messages of rabbitmq-1 back; start rabbitmq-1
    done: rabbitmq-1 can write to messages; rabbitmq-1 runs; rabbitmq-1 is ready
    ");
}

#[test]
fn what_would_fill_the_host_or_nothing_is_refused() {
    let messages = with_volumes(&[("messages", false)]);
    let refusals = [
        on(&monolith(), "disk-full: {role: database}"),
        on(&with_volumes(&[("messages", true)]), "disk-full: {role: broker}"),
        on(&with_volumes(&[("messages", false), ("logs", false)]), "disk-full: {role: broker}"),
        on(&with_volumes(&[("logs", false)]), "disk-full: {role: broker}"),
        on(&messages, "disk-full: {role: broker, volume: message}"),
    ];
    assert_snapshot!(refusals.join("\n"), @r"
    refused: `database` has no volume that it could write to and fill
    refused: `rabbitmq` has no volume that it could write to and fill
    refused: `rabbitmq` has several volumes: choose one of `messages`, `logs`
    refused: the volume `logs` of `rabbitmq` has no size, so the disk of the host would be filled: give it one in `x-chaos`, such as `sized-volumes: {logs: 512MiB}`
    refused: `rabbitmq` writes to no volume `message`: it has `messages`
    ");
}

#[test]
fn wrong_settings_are_shown_where_they_stand() {
    let wrong = [
        "disk-full: {role: broker, fill: 0%}",
        "disk-full: {role: broker, fill: 101%}",
        "disk-full: {role: broker, fill: 0.9}",
        "disk-full: {role: brokr}",
        "disk-full: {fill: 90%, size: 1GiB}",
    ];
    assert_snapshot!(wrong.map(refused).join("\n"), @r"
    test.yaml:1:33: `0%` is not a share from `1%` to `100%` of a volume
    test.yaml:1:33: `101%` is not a share from `1%` to `100%` of a volume
    test.yaml:1:33: `0.9` is not a share from `1%` to `100%` of a volume
    test.yaml:1:19: no role is called `brokr` (did you mean `broker`?)
    test.yaml:1:12: it is not said which components are meant (add `role:` or `name:`)
    test.yaml:1:24: the key `size` is not known here (known here are `role`, `name`, `mode`, `volume`, `fill`)
    ");
}
