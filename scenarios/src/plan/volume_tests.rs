//! What faults of volumes and queues make of a plan.

use insta::assert_snapshot;

use super::fixture::broker;
use super::render;
use super::tests::{compile, file};
use crate::quantity::Bytes;
use crate::target::{Mount, Target};

fn with_volume(sized: bool) -> Target {
    let mut target = broker();
    let mount = Mount { volume: "data".to_owned(), path: "/data".to_owned(), read_only: false };
    target.components[3].mounts = vec![mount];
    target.volumes = vec!["data".to_owned()];
    if sized {
        target.sizes_to_fill = [("data".to_owned(), Bytes(512 << 20))].into();
    }
    target
}

fn refused(method: &str, target: &Target) -> String {
    let source = file(&format!("method:\n{method}"));
    compile(&source, target).expect_err("a mistake").to_string()
}

#[test]
fn a_volume_has_a_size_only_in_a_plan_that_fills_it() {
    let target = with_volume(true);
    let full = file("method:\n  - fault: {disk-full: {role: broker}}\n");
    let plan = compile(&full, &target).expect("a plan");
    assert_eq!(plan.target.volume_sizes, target.sizes_to_fill);
    // What is written to memory counts as memory.
    assert_eq!(plan.target.components[3].memory, Some(Bytes(768 << 20)));
    assert_eq!(plan.target.components[2].memory, Some(Bytes(256 << 20)));
    assert!(plan.uses_own_program());
    let shown = render(&plan);
    let from = shown.find("\n  volumes").expect("it is said");
    assert_snapshot!(shown[from..shown.find("\n  load").expect("it follows")], @r"

    volumes of a size (memory of the host; no write waits for a disk)
      data  512MiB
    ");
    let killed = file("method:\n  - fault: {kill: {role: broker}}\n");
    let plan = compile(&killed, &target).expect("a plan");
    assert_eq!((plan.target.volume_sizes.len(), &plan.target.components), (0, &target.components));
    assert!(!plan.uses_own_program() && !render(&plan).contains("volumes"));
}

#[test]
fn what_cannot_be_filled_or_limited_is_told_with_its_place() {
    let told = [
        refused("  - fault: {disk-full: {role: broker}}\n", &with_volume(false)),
        refused("  - fault: {disk-full: {role: proxy}}\n", &with_volume(true)),
        refused("  - fault: {poison-message: {role: broker, queue: q.x}}\n", &broker()),
        refused("  - fault: {queue-limit: {name: orders, queue: q.x, length: 3}}\n", &broker()),
        refused(
            "  - fault: {queue-limit: {role: pipeline-manager, queue: q, length: 3}}\n",
            &broker(),
        ),
    ];
    assert_snapshot!(told.join("\n"), @r"
    test.yaml:4:24: the volume `data` of `rabbitmq` has no size, so the disk of the host would be filled: give it one in `x-chaos`, such as `sized-volumes: {data: 512MiB}`
    test.yaml:4:24: `proxy` has no volume that it could write to and fill
    test.yaml:4:29: broker has no queue called `q.x` (known here are `q.orders`, `q.payments`)
    test.yaml:4:26: `orders` is no broker but a service: it has no queues
    test.yaml:4:33: broker has no component with the role `pipeline-manager` (it has proxy (proxy), orders (service), payments (service), rabbitmq (broker); name an `analogue` for broker, or say `on-missing: not-applicable`)
    ");
}

#[test]
fn faults_that_would_undo_each_other_are_refused() {
    let kill = "  - {at: 0s, for: 6s, fault: {kill: {role: broker}}}\n";
    let told = [
        "{disk-full: {role: broker}}",
        "{poison-message: {role: broker, queue: q.orders}}",
        "{queue-limit: {role: broker, queue: 'q.*', length: 3}}",
    ]
    .map(|fault| {
        refused(&format!("{kill}  - {{at: 1s, for: 3s, fault: {fault}}}\n"), &with_volume(true))
    });
    assert_snapshot!(told.join("\n"), @r"
    test.yaml:5:5: this fault acts on rabbitmq-1 while step 1 of the method still does, and one changes whether it runs, the other how full its volumes are (let one end before the other begins, or choose other replicas)
    test.yaml:5:5: this fault acts on rabbitmq-1 while step 1 of the method still does, and one changes whether it runs, the other what is put into its queues (let one end before the other begins, or choose other replicas)
    test.yaml:5:5: this fault acts on rabbitmq-1 while step 1 of the method still does, and one changes whether it runs, the other how much its queues hold (let one end before the other begins, or choose other replicas)
    ");
    let both = "  - {for: 6s, fault: {poison-message: {role: broker, queue: q.orders}}}\n  \
        - {for: 6s, fault: {queue-limit: {role: broker, queue: 'q.*', length: 3}}}\n";
    compile(&file(&format!("method:\n{both}")), &broker()).expect("they may overlap");
}
