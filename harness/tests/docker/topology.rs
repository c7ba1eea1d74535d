//! Faults of the topology and of the application, on real containers.

use chaos_harness::docker::image::build_archive;
use chaos_harness::port::Runtime;
use chaos_scenarios::action::Action;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::target::{Component, Endpoint};

use crate::faults::{heal, inject, planned};
use crate::fixture::{
    IMAGE, Standing, client, component, daemon, objects, plan, replica, target_of,
};

/// A chaos switch in a few lines: it counts to one when it is armed, and is empty after a DELETE. It
/// also has two dead letters at the first request for them, and then none.
const SWITCH: &str = "use IO::Socket::INET; $$s = IO::Socket::INET->new(LocalPort => 9090, \
    Listen => 9, ReuseAddr => 1) or die; $$n = 0; while ($$c = $$s->accept) { $$l = <$$c>; \
    $$b = 0; while (<$$c>) { $$b = $$1 if /^content-length: (\\d+)/i; last if /^\\r?$$/ } \
    read $$c, $$x, $$b if $$b; $$n = $$ENV{CHAOS_SWITCH} eq 'on' if $$l =~ /^POST/; \
    $$n = 0 if $$l =~ /^DELETE/; $$t = '{\"acted\":' . ($$n || 0) . '}'; \
    if ($$l =~ m{/dead}) { $$t = $$k++ ? '{\"redriven\":0}' : '{\"redriven\":2,\"refused\":1}' } \
    print $$c \"HTTP/1.1 200 OK\\r\\nContent-Length: \" . length($$t) . \
    \"\\r\\nConnection: close\\r\\n\\r\\n$$t\"; close $$c }";

/// An image of its own, which differs from the base by a label.
async fn make_image(reference: &str) {
    let dockerfile = format!("FROM {IMAGE}\nLABEL shop={reference}\n");
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(dockerfile.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, "Dockerfile", dockerfile.as_bytes()).expect("it fits");
    let archive = archive.into_inner().expect("it fits");
    build_archive(&daemon().await, reference, archive, &|_, _| {}).await.expect("it builds");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_come_and_go_and_images_are_swapped() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let other = format!("chaos-test/{}:other", identity.run);
    make_image(&other).await;
    let web = component("web", &["sleep", "600"]);
    let mut plan = plan(target_of(vec![Component { replicas: 2, ..web }]));
    let swap = format!("swap: {{name: web-1, image: '{other}'}}");
    plan.timeline = vec![planned(&plan, &swap)];
    runtime.provision(&plan, identity, recorder).await.expect("it stands");
    for written in
        [swap.as_str(), "scale: {name: web, replicas: 3}", "scale: {name: web, replicas: 1}"]
    {
        eprintln!("{written}");
        let injection = planned(&plan, written).injection;
        inject(&standing, &injection).await;
        heal(&standing, &injection).await;
    }
    let injection = planned(&plan, "remove: {name: web-2}").injection;
    inject(&standing, &injection).await;
    runtime.apply(&Action::Remove { replica: replica("web", 2) }).await.expect("it is gone");
    let left = objects(&identity.run).await;
    assert!(!left.iter().any(|name| name.ends_with("web-2")), "{left:?}");
    standing.end().await;
    let none = None::<bollard::query_parameters::RemoveImageOptions>;
    client().remove_image(&other, none, None).await.expect("its name is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_told_to_make_trouble_and_to_stop() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let mut web = Component { ports: vec![9090], ..component("web", &["perl", "-e", SWITCH]) };
    web.environment.insert("CHAOS_SWITCH".to_owned(), "${CHAOS_SWITCH:-}".to_owned());
    let mut target = target_of(vec![web]);
    target.audit = vec![Endpoint { port: 9090, ..target.entry.clone() }];
    let path = "/dead/redrive".to_owned();
    target.redrive = vec![Endpoint { port: 9090, path, ..target.entry.clone() }];
    let mut plan = plan(target);
    let error = planned(&plan, "http-error: {name: web, at: '*.before_tx', probability: 30%}");
    plan.timeline = vec![error.clone()];
    runtime.provision(&plan, identity, recorder).await.expect("it stands");
    let begun = std::time::Instant::now();
    let mut undo = error.injection.heal.iter();
    let disarm = undo.find(|action| matches!(action, Action::Http { .. })).expect("a request");
    while runtime.apply(disarm).await.is_err() {
        assert!(begun.elapsed().as_secs() < 10, "it never answers");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    inject(&standing, &error.injection).await;
    heal(&standing, &error.injection).await;
    dead_letters_are_sent_once(&standing, &plan).await;
    standing.end().await;
}

/// The second time there is nothing left to send, so nothing is felt.
async fn dead_letters_are_sent_once(standing: &Standing, plan: &Plan) {
    let redrive = planned(plan, "redrive: {name: web}").injection;
    let Standing { runtime, recorder, .. } = standing;
    for evidence in [Some("web sent 2 dead letters again, and refused 1"), None] {
        let since = recorder.now();
        for action in &redrive.inject {
            runtime.apply(action).await.expect("it answers");
        }
        let felt = runtime.check(&redrive.felt[0], since).await.expect("it is known");
        assert_eq!(felt.map(|proof| proof.evidence).as_deref(), evidence);
    }
}
