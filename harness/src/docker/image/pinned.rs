//! Settles which image each reference of a target means, before any container is made: an alias
//! may be moved by another build while a run goes on.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::ImageInspect;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::target::Target;
use futures::future::try_join_all;

use super::context;
use crate::docker::connection::Daemon;
use crate::docker::container::RunContext;
use crate::docker::error::{DockerError, classify, status};
use crate::docker::{impair, inside};

/// Reference → content tag, or id where there is none. Every image must be there already. What is
/// `known` from the start of the experiment is not looked up again.
pub(in crate::docker) async fn images(
    daemon: &Daemon,
    context: &RunContext,
    plan: &Plan,
    known: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, DockerError> {
    let mut references = references(context, &plan.target)?;
    references.extend(plan.swapped_images().map(str::to_owned));
    if plan.uses_own_program() {
        references.insert(inside::IMAGE.to_owned());
    }
    if plan.impairs() {
        references.insert(impair::IMAGE.to_owned());
    }
    let settled = references.into_iter().map(|reference| async move {
        if let Some(settled) = known.get(&reference) {
            return Ok((reference, settled.clone()));
        }
        let image =
            inspect(daemon, &reference).await?.ok_or_else(|| DockerError::ImageMissing {
                reference: reference.clone(),
                reason: "it was not made ready before the run".to_owned(),
            })?;
        let settled = content_tag(&image, &reference).or(image.id);
        Ok::<_, DockerError>((reference.clone(), settled.unwrap_or(reference)))
    });
    Ok(try_join_all(settled).await?.into_iter().collect())
}

/// The image references of a target, with variables filled in.
pub(in crate::docker) fn references(
    context: &RunContext,
    target: &Target,
) -> Result<BTreeSet<String>, DockerError> {
    let filled =
        target.components.iter().map(|component| context.fill(component, &component.image));
    filled.collect()
}

/// The local image of a reference.
pub(in crate::docker) async fn inspect(
    daemon: &Daemon,
    reference: &str,
) -> Result<Option<ImageInspect>, DockerError> {
    match daemon.client.inspect_image(reference).await {
        Ok(image) => Ok(Some(image)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(classify(format!("looking for the image {reference}"), &error)),
    }
}

/// The tag of an image that names its content, as those have that are built here.
fn content_tag(image: &ImageInspect, reference: &str) -> Option<String> {
    let name = reference.split(':').next()?;
    let tags = image.repo_tags.as_ref()?;
    tags.iter().find(|tag| context::is_content_tag(tag, name)).cloned()
}
