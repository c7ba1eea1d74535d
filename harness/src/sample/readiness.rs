//! Watches what an operator's health checks would see: every replica whose rule is an HTTP
//! endpoint, on its own, because one of two that is down does not make its component unready.

use std::time::Duration;

use chaos_reports::record::event::Event;
use chaos_scenarios::action::Replica;
use futures::future::join_all;
use tokio::time::timeout;

use super::{PERIOD, Scene, ticks};
use crate::port::{Auditor, Deployment};

/// A replica that does not say within this time that it is ready is not ready.
const LIMIT: Duration = Duration::from_millis(500);

/// One replica and how it alone is reached.
struct Watched {
    replica: Replica,
    alone: Deployment,
    ready: bool,
}

impl<A: Auditor> Scene<A> {
    /// Tells every change; all replicas were ready when the run became ready.
    pub(super) async fn readiness(&self) {
        let mut watched = self.watched();
        let mut ticks = ticks(PERIOD);
        while !watched.is_empty() {
            ticks.tick().await;
            let looks = join_all(watched.iter().map(|it| self.look(it))).await;
            for (it, (ready, evidence)) in watched.iter_mut().zip(looks) {
                if std::mem::replace(&mut it.ready, ready) != ready {
                    let replica = it.replica.clone();
                    self.recorder.emit(Event::Readiness { replica, ready, evidence });
                }
            }
        }
    }

    fn watched(&self) -> Vec<Watched> {
        let rules = self.plan.target.components.iter().filter_map(|it| it.ready.as_ref());
        let urls =
            rules.filter(|rule| rule.scheme == "http").flat_map(|rule| self.deployment.urls(rule));
        let watch =
            |(replica, _)| Watched { alone: self.deployment.only(&replica), replica, ready: true };
        urls.map(watch).collect()
    }

    async fn look(&self, it: &Watched) -> (bool, String) {
        let asked = self.auditor.ready(&self.plan, &it.alone, &it.replica.component);
        match timeout(LIMIT, asked).await {
            Ok(Ok(evidence)) => (true, evidence),
            Ok(Err(error)) => (false, error.to_string()),
            Err(_) => (false, format!("no answer within {} ms", LIMIT.as_millis())),
        }
    }
}
