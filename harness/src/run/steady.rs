//! Warm-up and baseline: nothing is disturbed before the target was seen, under the same load, to
//! be within the scenario's hypothesis.

use std::time::Duration;

use chaos_reports::judge::ExpectationResult;
use chaos_reports::measure;
use chaos_reports::record::event::Phase;
use chaos_reports::record::window::WINDOW_MICROS;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Run;
use super::halt::Halt;
use crate::port::{Auditor, LoadGenerator, Runtime};
use crate::{folder, sample};

/// How long results of the baseline may come in after its end.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);
/// Windows at the end of the baseline that need not be complete yet.
const OPEN_WINDOWS: u64 = 2;

impl<R: Runtime, L: LoadGenerator, A: Auditor> Run<R, L, A> {
    pub(super) async fn warm_up(&mut self) -> Result<(), Halt> {
        self.begin(Phase::WarmUp);
        self.start_sampling();
        self.start_load().await?;
        self.pass(self.plan.phases.warm_up.duration()).await
    }

    pub(super) async fn watch_baseline(&mut self) -> Result<(), Halt> {
        self.begin(Phase::Baseline);
        self.pass(self.plan.phases.baseline.duration()).await?;
        self.baseline_is_complete().await?;
        let hypothesis = &self.plan.hypothesis;
        let results = self.recorder.read(|record| measure::steady(record, hypothesis));
        match results.iter().find(|result| result.held != Some(true)) {
            None => Ok(()),
            Some(miss) => Err(Halt::NotSteady(not_steady(miss))),
        }
    }

    fn start_sampling(&mut self) {
        let sampling = CancellationToken::new();
        self.sampling = Some(sampling.clone().drop_guard());
        let auditor = self.ports.auditor.clone();
        let deployment = self.deployment.clone();
        sample::start(auditor, self.plan.clone(), deployment, self.recorder.clone(), sampling);
    }

    async fn start_load(&mut self) -> Result<(), Halt> {
        let entry = self.entry()?;
        let ledger = self.setting.folder.join(folder::ORDERS);
        let Self { plan, ports, recorder, .. } = &*self;
        let load = ports.load.start(&plan.load, plan.seed, &entry, &ledger, recorder).await?;
        self.load = Some(load);
        Ok(())
    }

    fn entry(&self) -> Result<String, Halt> {
        let entry = &self.plan.target.entry;
        let published = self.deployment.urls(entry).into_iter().next();
        let (_, url) = published.ok_or_else(|| {
            Halt::Failed(format!("the entry {entry} is not published: name its port in x-chaos"))
        })?;
        Ok(url.trim_end_matches('/').to_owned())
    }

    /// Waits until every request that was due in the baseline has its outcome.
    async fn baseline_is_complete(&self) -> Result<(), Halt> {
        let end = self.recorder.now().0 / WINDOW_MICROS;
        let headline = &self.plan.load.workload.headline;
        let complete = self.recorder.until(|record| {
            let last = record.windows.get(headline)?.last()?;
            (last.index + OPEN_WINDOWS >= end).then_some(())
        });
        // What is still missing when the time is up is missing from the gate's measures, too.
        let _ = self.unless_halted(timeout(SETTLE_LIMIT, complete)).await?;
        Ok(())
    }
}

fn not_steady(miss: &ExpectationResult) -> String {
    let unit = miss.expectation.measure.unit();
    let seen = miss.observed.show(unit);
    format!("before any fault, `{}` was asked and {seen} was seen", miss.expectation)
}
