//! Dead letters are sent again by the application itself, on request; it tells how many they were.

use chaos_reports::record::Moment;
use chaos_scenarios::action::Replica;

use super::control::{self, Door};
use super::error::DockerError;
use super::site::Site;
use crate::port::Proof;
use crate::redrive::{self, Answer};

/// What one replica told, and when.
#[derive(Debug)]
pub(super) struct Redriven {
    at: Moment,
    component: String,
    answer: Answer,
}

/// Asks a replica to send its dead letters again.
pub(super) async fn redrive(
    site: &Site,
    replica: &Replica,
    port: u16,
    path: &str,
) -> Result<(), DockerError> {
    let door = Door { replica, proxied: false, port };
    let url = control::address(site, door, "POST", path)?;
    let refused = |reason| control::refused(door, "POST", path, reason);
    let answer = redrive::ask(&url).await.map_err(refused)?;
    let (at, component) = (site.recorder().now(), replica.component.clone());
    site.redriven().push(Redriven { at, component, answer });
    Ok(())
}

/// Whether any replica of the component has sent a letter again since then: one that does not lead,
/// or comes second to a shared queue, has none to send.
pub(super) fn look(site: &Site, replica: &Replica, since: Moment) -> Option<Proof> {
    let told = site.redriven();
    let name = &replica.component;
    let of = || told.iter().filter(|it| it.component == *name && it.at >= since);
    let again: u64 = of().map(|it| it.answer.redriven).sum();
    let refused: u64 = of().map(|it| it.answer.refused).sum();
    let first = of().find(|it| it.answer.redriven > 0)?.at;
    let evidence = format!("{name} sent {again} dead letters again, and refused {refused}");
    Some(Proof { since: first, evidence })
}
