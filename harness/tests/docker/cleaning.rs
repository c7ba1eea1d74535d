//! What a dead process left is removed by labels alone, and nothing else is.

use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
};
use chaos_harness::clean::{Scope, Spared, clean};
use chaos_harness::docker::{DockerRuntime, find_runs, label};
use chaos_harness::doctor::{Status, examine};
use chaos_harness::owner::Owner;
use chaos_harness::port::{Identity, Runtime};

use crate::fixture::{IMAGE, Standing, client, daemon, identity, objects, plan, replica, target};

/// Makes a container, a network and a volume, as a process that died would have left them.
async fn leave(identity: &Identity, owner: &Owner, more: &[(&str, &str)]) -> String {
    let mut labels = label::of_run(identity, "tiny", &owner.to_string());
    labels.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let name = format!("chaos-{}-left", identity.run);
    container(&name, labels.clone()).await;
    let (client, labels) = (client(), Some(labels));
    let network =
        NetworkCreateRequest { name: name.clone(), labels: labels.clone(), ..Default::default() };
    client.create_network(network).await.expect("a network");
    let volume = VolumeCreateRequest { name: Some(name.clone()), labels, ..Default::default() };
    client.create_volume(volume).await.expect("a volume");
    name
}

async fn container(name: &str, labels: HashMap<String, String>) {
    let body = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        cmd: Some(vec!["sleep".to_owned(), "600".to_owned()]),
        labels: Some(labels),
        ..Default::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    client().create_container(Some(options), body).await.expect("a container");
    client().start_container(name, None::<StartContainerOptions>).await.expect("it starts");
}

async fn remove(name: &str) {
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    client().remove_container(name, Some(options)).await.expect("it is removed");
}

fn dead() -> Owner {
    Owner { boot: "an earlier one".to_owned(), ..Owner::this_process() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_run_is_removed_and_a_foreign_container_is_not() {
    let daemon = daemon().await;
    let identity = identity(false);
    // Named as ours would be, but without our labels: a name is never enough.
    let foreign = format!("chaos-{}-foreign", identity.run);
    container(&foreign, HashMap::from([("owner".to_owned(), "somebody".to_owned())])).await;
    leave(&identity, &dead(), &[]).await;
    assert_eq!(objects(&identity.run).await.len(), 3);

    let examined = examine(false, std::path::Path::new(".")).await;
    let leftovers = examined.iter().find(|finding| finding.name == "leftovers").expect("looked at");
    assert_eq!(leftovers.status, Status::Warn);
    assert!(leftovers.detail.contains(&identity.run), "{}", leftovers.detail);

    let cleaned = clean(&daemon, Scope::Run(&identity.run)).await.expect("it is cleaned");
    assert_eq!(cleaned.removed.len(), 3, "{cleaned:?}");
    assert!(cleaned.left.is_empty() && cleaned.spared.is_empty(), "{cleaned:?}");
    assert_eq!(objects(&identity.run).await, Vec::<String>::new());
    let inspected = client().inspect_container(&foreign, None).await.expect("it is still there");
    assert_eq!(inspected.state.and_then(|state| state.running), Some(true));
    remove(&foreign).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_object_is_not_touched() {
    let daemon = daemon().await;
    let identity = identity(false);
    let name = leave(&identity, &dead(), &[(label::SKIP, "true")]).await;
    let cleaned = clean(&daemon, Scope::Run(&identity.run)).await.expect("it is cleaned");
    assert_eq!(cleaned.removed, Vec::new());
    assert_eq!(objects(&identity.run).await.len(), 3);
    remove(&name).await;
    client().remove_network(&name).await.expect("it is removed");
    let options = None::<bollard::query_parameters::RemoveVolumeOptions>;
    client().remove_volume(&name, options).await.expect("it is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_found_again_and_not_cleaned_while_its_process_lives() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let daemon = daemon().await;
    let deployment =
        runtime.provision(&plan(target()), identity, recorder).await.expect("it stands");
    let runs = find_runs(&daemon).await.expect("runs are found");
    let found = runs.iter().find(|found| found.run == identity.run).expect("it is found");
    assert_eq!((found.target.as_str(), found.kept), ("tiny", false));
    assert_eq!((found.expires_at, &found.experiment), (identity.expires_at, &identity.experiment));
    let web = replica("web", 2);
    assert_eq!(found.replicas[&web][&8080], deployment.ports[&(web.clone(), 8080)]);

    let cleaned = clean(&daemon, Scope::Run(&identity.run)).await.expect("it is looked at");
    assert_eq!(cleaned.removed, Vec::new());
    let pid = std::process::id();
    assert_eq!(cleaned.spared.get(&identity.run), Some(&Spared::Alive { pid }));

    // Another runtime takes hold of it, as `chaos down` does.
    let other = DockerRuntime::new(daemon);
    let attached = other.attach(&identity.run).await.expect("it is there");
    assert_eq!(attached.ports, deployment.ports);
    assert_eq!(other.dismantle().await, Ok(Vec::new()));
    let gone = other.attach(&identity.run).await.expect_err("nothing is there");
    assert!(gone.to_string().contains(&identity.run), "{gone}");
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_can_run_experiments() {
    daemon().await;
    let findings = examine(false, std::path::Path::new(".")).await;
    let failed: Vec<_> = findings.iter().filter(|finding| finding.status == Status::Fail).collect();
    assert_eq!(failed, Vec::<&chaos_harness::doctor::Finding>::new());
    for name in ["docker", "base image", "images", "clock", "lock", "output folder", "cores"] {
        assert!(findings.iter().any(|finding| finding.name == name), "{name} is looked at");
    }
}
