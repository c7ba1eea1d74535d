//! The port of the engine to containers, by Docker.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos_reports::record::Moment;
use chaos_scenarios::action::{Action, Check, Replica};
use chaos_scenarios::plan::Plan;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use super::connection::Daemon;
use super::container::RunContext;
use super::error::DockerError;
use super::find::containers_of;
use super::image::pinned;
use super::object::{list_objects, remove_objects};
use super::provision::{CONCURRENT, Held, Provisioning};
use super::site::Site;
use super::{action, check, event, impair, inside, label, logs, usage};
use crate::owner::Owner;
use crate::port::{Deployment, Identity, PortError, Proof, Runtime};
use crate::recorder::{Recorder, wall_clock};

/// The password of a run, in the texts of its Compose file.
const PASSWORD: &str = "CHAOS_PASSWORD";
/// Bytes of chance in it.
const PASSWORD_BYTES: usize = 16;
/// Requests that are under way when a run is interrupted are waited for this long.
const PROVISIONING_END: Duration = Duration::from_secs(20);
/// How often everything is removed before what is left is told.
const REMOVAL_ROUNDS: u32 = 3;
/// Logs read at the same time.
const CONCURRENT_LOGS: usize = 4;
/// Events of removed containers are waited for this long.
const LAST_EVENTS: Duration = Duration::from_millis(50);

/// Containers by Docker. One runtime holds one run at a time.
pub struct DockerRuntime {
    daemon: Daemon,
    images: BTreeMap<String, String>,
    standing: Mutex<Option<Arc<Standing>>>,
}

type Made = Result<Site, DockerError>;

/// What stands.
struct Standing {
    run: String,
    /// Its containers, once all are made by this process.
    site: Mutex<Option<Arc<Site>>>,
    /// Closed when nothing more is to be made.
    concurrent: Arc<Semaphore>,
    /// Makes the containers. A task of its own, so that nothing is made unseen when whoever waits
    /// for it is interrupted.
    provisioning: tokio::sync::Mutex<Option<JoinHandle<Made>>>,
    /// Observers; they end with this.
    tasks: Mutex<Vec<AbortOnDropHandle<()>>>,
    /// That the daemon went away, once it did.
    lost: watch::Sender<Option<DockerError>>,
}

impl DockerRuntime {
    /// A runtime on a daemon; nothing is done yet.
    pub fn new(daemon: Daemon) -> Self {
        Self { daemon, images: BTreeMap::new(), standing: Mutex::new(None) }
    }

    /// The same, with what image references mean: without it each is looked up when a run begins,
    /// and may mean another image by then.
    #[must_use]
    pub fn with_images(self, images: BTreeMap<String, String>) -> Self {
        Self { images, ..self }
    }

    /// Takes hold of a run that stands already, such as one that `chaos up` left. Its password is
    /// not known again, so endpoints with credentials cannot be used.
    pub async fn attach(&self, run: &str) -> Result<Deployment, DockerError> {
        let containers = containers_of(&self.daemon, run).await?;
        let ports = published(&containers);
        self.stand(run);
        Ok(Deployment { ports, variables: BTreeMap::new() })
    }

    fn stand(&self, run: &str) -> Arc<Standing> {
        let standing = Arc::new(Standing {
            run: run.to_owned(),
            site: Mutex::default(),
            concurrent: Arc::new(Semaphore::new(CONCURRENT)),
            provisioning: tokio::sync::Mutex::default(),
            tasks: Mutex::default(),
            lost: watch::Sender::new(None),
        });
        *lock(&self.standing) = Some(Arc::clone(&standing));
        standing
    }

    fn standing(&self) -> Result<Arc<Standing>, DockerError> {
        lock(&self.standing).clone().ok_or(DockerError::NothingProvisioned)
    }

    fn site(&self) -> Result<Arc<Site>, DockerError> {
        lock(&self.standing()?.site).clone().ok_or(DockerError::NothingProvisioned)
    }

    async fn provision_target(
        &self,
        plan: &Plan,
        identity: &Identity,
        recorder: &Recorder,
    ) -> Result<Deployment, DockerError> {
        let standing = self.stand(&identity.run);
        let since = wall_clock().saturating_mul(1000);
        let follow = event::follow(
            self.daemon.clone(),
            identity.run.clone(),
            since,
            recorder.clone(),
            standing.lost.clone(),
        );
        lock(&standing.tasks).push(AbortOnDropHandle::new(tokio::spawn(follow)));
        let owner = Owner::this_process().to_string();
        let context = RunContext {
            run: identity.run.clone(),
            labels: label::of_run(identity, &plan.target.name, &owner),
            variables: variables(plan)?,
            cpus: self.daemon.facts.target_cpus(),
            acts_inside: plan.acts_inside(),
            proxies: plan.proxies(),
        };
        let variables = context.variables.clone();
        let images = pinned::images(&self.daemon, &context, plan, &self.images).await?;
        let entry = match images.get(inside::IMAGE).filter(|_| plan.uses_own_program()) {
            Some(image) => inside::entry(&self.daemon, image).await?,
            None => Vec::new(),
        };
        let provisioning = Provisioning {
            daemon: self.daemon.clone(),
            context,
            target: plan.target.clone(),
            recorder: recorder.clone(),
            images,
            entry,
            given: Mutex::new(BTreeSet::new()),
            concurrent: Arc::clone(&standing.concurrent),
        };
        let task = tokio::spawn(async move {
            let (containers, proxies) = provisioning.run().await?;
            Ok(Site::new(provisioning, containers, proxies))
        });
        *standing.provisioning.lock().await = Some(task);
        let site = Arc::new(standing.provisioned().await?);
        impair::prepare(&site, plan).await;
        let ports = published(&site.published());
        let sample = usage::sample(Arc::clone(&site));
        lock(&standing.tasks).push(AbortOnDropHandle::new(tokio::spawn(sample)));
        *lock(&standing.site) = Some(site);
        Ok(Deployment { ports, variables })
    }

    async fn write_logs(&self, folder: &Path) -> Result<(), DockerError> {
        let run = self.standing()?.run.clone();
        tokio::fs::create_dir_all(folder).await.map_err(|error| DockerError::File {
            path: folder.display().to_string(),
            reason: error.to_string(),
        })?;
        // By labels, so that logs are there also if provisioning failed half-way.
        let containers = match containers_of(&self.daemon, &run).await {
            Err(DockerError::UnknownRun { .. }) => return Ok(()),
            found => found?,
        };
        stream::iter(containers)
            .map(|(replica, held)| async move {
                logs::write(&self.daemon, &held.id, &folder.join(format!("{replica}.log"))).await
            })
            .buffer_unordered(CONCURRENT_LOGS)
            .try_collect::<()>()
            .await
    }

    async fn remove_all(&self) -> Result<Vec<String>, DockerError> {
        let Ok(standing) = self.standing() else { return Ok(Vec::new()) };
        standing.concurrent.close();
        // How it ended was told to whoever waited for it.
        let _ = tokio::time::timeout(PROVISIONING_END, standing.provisioned()).await;
        let mut failures = Vec::new();
        let mut left = list_objects(&self.daemon, Some(&standing.run)).await?;
        for _ in 0..REMOVAL_ROUNDS {
            if left.is_empty() {
                break;
            }
            failures = remove_objects(&self.daemon, &left).await;
            left = list_objects(&self.daemon, Some(&standing.run)).await?;
        }
        tokio::time::sleep(LAST_EVENTS).await;
        lock(&standing.tasks).clear();
        lock(&standing.site).take();
        if left.is_empty() {
            *lock(&self.standing) = None;
        }
        let why = |object: &super::Object| {
            let failure = failures.iter().find(|(failed, _)| failed == object);
            failure.map_or_else(String::new, |(_, error)| format!(" ({error})"))
        };
        Ok(left.iter().map(|object| format!("{object}{}", why(object))).collect())
    }
}

impl Standing {
    /// Waits until everything is made, or nothing more will be.
    async fn provisioned(&self) -> Made {
        let mut task = self.provisioning.lock().await;
        let Some(running) = task.as_mut() else { return Err(DockerError::NothingProvisioned) };
        let made = running.await;
        *task = None;
        made.unwrap_or_else(|panicked| {
            let what = "provisioning".to_owned();
            Err(DockerError::Request { what, reason: panicked.to_string() })
        })
    }
}

impl Runtime for DockerRuntime {
    async fn provision(
        &self,
        plan: &Plan,
        identity: &Identity,
        recorder: &Recorder,
    ) -> Result<Deployment, PortError> {
        Ok(self.provision_target(plan, identity, recorder).await?)
    }

    async fn apply(&self, action: &Action) -> Result<(), PortError> {
        Ok(action::apply(&self.site()?, action).await?)
    }

    async fn check(&self, check: &Check, since: Moment) -> Result<Option<Proof>, PortError> {
        Ok(check::look(&*self.site()?, check, since).await?)
    }

    async fn collect_logs(&self, folder: &Path) -> Result<(), PortError> {
        Ok(self.write_logs(folder).await?)
    }

    async fn dismantle(&self) -> Result<Vec<String>, PortError> {
        Ok(self.remove_all().await?)
    }

    async fn lost(&self) -> String {
        let Ok(standing) = self.standing() else { return std::future::pending().await };
        let mut lost = standing.lost.subscribe();
        // The sender lives as long as what stands, which is held here.
        let told = lost.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
        told.map_or_else(String::new, |told| told.to_string())
    }

    async fn answers(&self) -> Result<(), PortError> {
        Ok(self.daemon.is_back().await?)
    }
}

fn published(containers: &BTreeMap<Replica, Held>) -> BTreeMap<(Replica, u16), u16> {
    let ports = |(replica, held): (&Replica, &Held)| {
        let replica = replica.clone();
        held.ports
            .clone()
            .into_iter()
            .map(move |(inside, outside)| ((replica.clone(), inside), outside))
    };
    containers.iter().flat_map(ports).collect()
}

/// The environment of this process, which Compose fills variables from.
pub(super) fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// The environment, and what the plan decides.
fn variables(plan: &Plan) -> Result<BTreeMap<String, String>, DockerError> {
    let mut variables = environment();
    variables.insert(PASSWORD.to_owned(), password()?);
    variables.insert("MODE".to_owned(), plan.mode.clone());
    let switch = if plan.uses_switch() { "on" } else { "" };
    variables.insert("CHAOS_SWITCH".to_owned(), switch.to_owned());
    variables.insert("SAFEGUARDS_OFF".to_owned(), plan.safeguards_off.join(","));
    // Whatever the environment says, defects come from the plan alone.
    variables.insert("MUTANTS".to_owned(), plan.mutants.join(","));
    let exam = if plan.mutants.is_empty() { "" } else { "on" };
    variables.insert("CHAOS_EXAM".to_owned(), exam.to_owned());
    Ok(variables)
}

fn password() -> Result<String, DockerError> {
    let path = "/dev/urandom";
    let mut bytes = [0; PASSWORD_BYTES];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| DockerError::File { path: path.to_owned(), reason: error.to_string() })?;
    Ok(label::hexadecimal(&bytes))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
