//! What goes wrong with Docker, and what is said about it.

use chaos_harness::port::Runtime;
use chaos_scenarios::target::Component;

use crate::fixture::{Standing, component, objects, plan, target_of};

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
