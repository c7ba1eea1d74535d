//! What goes wrong with Docker, and what is said about it.

use std::time::Duration;

use chaos_harness::port::Runtime;
use chaos_scenarios::target::Component;

use crate::fixture::{Standing, client, component, objects, plan, replica, target_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_dies_at_its_start_is_told_with_its_last_words() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let dying = component("dying", &["sh", "-c", "echo no such table: orders >&2; exit 3"]);
    let slow = component("slow", &["sleep", "600"]);
    let slow = Component { depends_on: vec!["dying".to_owned()], ..slow };
    let told = runtime.provision(&plan(target_of(vec![dying, slow])), identity, recorder).await;
    let error = told.expect_err("it died").to_string();
    assert!(error.starts_with("dying-1 died at its start with exit code 3"), "{error}");
    assert!(error.contains("no such table: orders"), "{error}");
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_not_there_is_told() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let wrong = component("wrong", &["no-such-program"]);
    let wrong = Component { init: false, ..wrong };
    let told = runtime.provision(&plan(target_of(vec![wrong])), identity, recorder).await;
    let error = told.expect_err("it cannot start").to_string();
    assert!(error.starts_with("wrong-1 cannot be started"), "{error}");
    assert!(error.contains("no-such-program"), "{error}");
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_there_is_named_and_nothing_is_made() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let absent = component("absent", &["true"]);
    let absent = Component { image: "chaos-test/absent:1".to_owned(), ..absent };
    let told = runtime.provision(&plan(target_of(vec![absent])), identity, recorder).await;
    let error = told.expect_err("there is no such image").to_string();
    assert!(error.contains("chaos-test/absent:1"), "{error}");
    assert_eq!(objects(&identity.run).await, Vec::<String>::new());
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_somebody_takes_meanwhile_is_replaced() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let first = component("first", &["sleep", "600"]);
    let second = Component {
        ports: vec![8080],
        depends_on: vec!["first".to_owned()],
        ..component("second", &["sleep", "600"])
    };
    let second_replica = replica("second", 1);
    // Its port is chosen before `first` starts: time enough to take it.
    let thief = tokio::spawn({
        let (recorder, second) = (recorder.clone(), second_replica.clone());
        async move {
            let name = recorder.until(|record| record.containers.get(&second).cloned()).await;
            let inspected = client().inspect_container(&name, None).await.expect("it is made");
            let bindings = inspected.host_config.and_then(|host| host.port_bindings);
            let bound = bindings.expect("given").remove("8080/tcp").flatten().expect("bound");
            let port: u16 = bound[0].host_port.as_deref().expect("a port").parse().expect("one");
            (port, std::net::TcpListener::bind(("127.0.0.1", port)).expect("it is free"))
        }
    });
    let plan = plan(target_of(vec![first, second]));
    let deployment = runtime.provision(&plan, identity, recorder).await.expect("it stands");
    let (taken, _listener) = thief.await.expect("it was taken");
    let given = deployment.ports[&(second_replica, 8080)];
    assert_ne!(given, taken);
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_start_leaves_nothing() {
    let names: Vec<String> = (0..8).map(|number| format!("c{number}")).collect();
    let components = || names.iter().map(|name| component(name, &["sleep", "600"])).collect();
    // Interrupted while images are looked for, networks or containers are made, or started.
    for milliseconds in [5, 60, 200, 500, 900] {
        let standing = Standing::new().await;
        let Standing { runtime, recorder, identity } = &standing;
        let plan = plan(target_of(components()));
        let started = runtime.provision(&plan, identity, recorder);
        let _ = tokio::time::timeout(Duration::from_millis(milliseconds), started).await;
        standing.end().await;
        // What the daemon was still busy with would appear now.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(objects(&identity.run).await, Vec::<String>::new(), "{milliseconds} ms");
    }
}
