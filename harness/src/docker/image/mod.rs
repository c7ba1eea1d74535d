//! Makes every image of a target ready before the run: those under our name are built from folders
//! that the binary brings along, everything else is found or pulled.

mod base;
mod build;
mod context;
mod own_executable;
pub(super) mod pinned;
mod pull;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chaos_scenarios::plan::Plan;
use chaos_scenarios::target::{Target, interpolate};
use futures::future::join_all;
use tokio::sync::Semaphore;

use self::build::Builder;
use super::connection::Daemon;
use super::error::DockerError;
use super::runtime::environment;
use super::{impair, inside};

pub use self::base::{BASE, can_bootstrap, ensure_base};
pub use self::build::build_archive;
pub use self::own_executable::own_executable;

/// What stands before the name of an image that is built here.
const OURS: &str = "chaos/";
/// Images built or pulled at the same time.
const CONCURRENT: usize = 2;

/// Told what happens to an image: its reference, and a line of output.
pub type Progress<'a> = &'a (dyn Fn(&str, &str) + Send + Sync);

/// Makes images ready, so that they are on the daemon under exactly these references; quick where
/// all are there. `executable` becomes `chaos/chaos` (see [`own_executable`]). Returns, by
/// reference, the tag or id of what it means now.
pub async fn ensure_images(
    daemon: &Daemon,
    references: &BTreeSet<String>,
    executable: &Path,
    progress: Progress<'_>,
) -> Result<BTreeMap<String, String>, DockerError> {
    let (ours, others): (Vec<&String>, Vec<&String>) =
        references.iter().partition(|reference| our_name(reference).is_some());
    let mut ready = BTreeMap::new();
    let base =
        if ours.is_empty() { None } else { Some(ensure_base(daemon, BASE, progress).await?) };
    let at_once = Semaphore::new(CONCURRENT);
    let pulls = others.into_iter().map(|reference| async {
        let _permit = at_once.acquire().await;
        let id = pull::local_or_pulled(daemon, reference, progress).await?;
        Ok::<_, DockerError>((reference.clone(), id))
    });
    let builder = base.map(|base| Builder { daemon, base, executable, progress });
    let builds = builder.iter().flat_map(|builder| {
        ours.iter().map(|reference| async {
            let _permit = at_once.acquire().await;
            let name = our_name(reference).unwrap_or_default();
            Ok::<_, DockerError>(((*reference).clone(), builder.ensure(name).await?))
        })
    });
    let (pulled, built) = tokio::join!(join_all(pulls), join_all(builds));
    for result in pulled.into_iter().chain(built) {
        ready.extend([result?]);
    }
    Ok(ready)
}

/// The image references of targets, with the variables of the environment filled in, as Compose
/// has it.
pub fn image_references<'a>(
    targets: impl IntoIterator<Item = &'a Target>,
) -> Result<BTreeSet<String>, DockerError> {
    let variables = environment();
    let components = targets.into_iter().flat_map(|target| &target.components);
    components
        .map(|component| {
            interpolate(&component.image, &variables).map_err(|source| DockerError::Variable {
                component: component.name.clone(),
                source,
            })
        })
        .collect()
}

/// The image references of plans: their targets', and that of our own program where it is
/// needed.
pub fn needed_by<'a>(
    plans: impl IntoIterator<Item = &'a Plan> + Clone,
) -> Result<BTreeSet<String>, DockerError> {
    let mut needed = image_references(plans.clone().into_iter().map(|plan| &plan.target))?;
    for plan in plans {
        needed.extend(plan.swapped_images().map(str::to_owned));
        if plan.uses_own_program() {
            needed.insert(inside::IMAGE.to_owned());
        }
        if plan.impairs() {
            needed.insert(impair::IMAGE.to_owned());
        }
    }
    Ok(needed)
}

/// The folder of an image that is built here: `postgres` for `chaos/postgres` and
/// `chaos/postgres:latest`. Any other tag is a choice of the user's.
fn our_name(reference: &str) -> Option<&str> {
    let name = reference.strip_prefix(OURS)?;
    let name = name.strip_suffix(":latest").unwrap_or(name);
    (!name.contains([':', '@', '/'])).then_some(name)
}

/// The names of the images that are built here.
pub fn built_here() -> Vec<String> {
    context::names().map(|name| format!("{OURS}{name}")).collect()
}

/// Whether the base of all images that are built here is on the daemon.
pub async fn base_is_here(daemon: &Daemon) -> Result<bool, DockerError> {
    Ok(pinned::inspect(daemon, BASE).await?.is_some())
}

/// Whether an image that is built here is on the daemon in its present content.
pub async fn is_built(
    daemon: &Daemon,
    reference: &str,
    executable: &Path,
) -> Result<bool, DockerError> {
    let Some(base) = pinned::inspect(daemon, BASE).await?.and_then(|image| image.id) else {
        return Ok(false);
    };
    let builder = Builder { daemon, base, executable, progress: &|_, _| {} };
    let (tag, _) = builder.tag(our_name(reference).unwrap_or_default()).await?;
    Ok(pinned::inspect(daemon, &tag).await?.is_some())
}

/// A file of an image's build context.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ContextFile {
    /// Path in the context.
    path: PathBuf,
    /// Whether it may be executed.
    executable: bool,
    /// What is in it.
    content: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_under_our_name_are_told_from_those_of_users() {
        for ours in ["chaos/postgres", "chaos/postgres:latest"] {
            assert_eq!(our_name(ours), Some("postgres"), "{ours}");
        }
        for other in ["postgres:17", "chaos/postgres:mine", "x/chaos/postgres", "chaos/a/b"] {
            assert_eq!(our_name(other), None, "{other}");
        }
    }

    #[test]
    fn every_image_of_the_reference_application_is_brought_along() {
        let names = built_here();
        for needed in ["chaos/chaos", "chaos/haproxy", "chaos/postgres", "chaos/rabbitmq"] {
            assert!(names.iter().any(|name| name == needed), "{needed} in {names:?}");
        }
    }
}
