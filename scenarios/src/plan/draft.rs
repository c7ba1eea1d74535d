//! What becomes of one step of the method: one injection, or several where its fault comes and goes
//! or takes its replicas one by one.

use super::PlannedFault;
use super::compile::PlanRequest;
use crate::action::Replica;
use crate::fault::Victims;
use crate::quantity::Span;
use crate::scenario::Step;
use crate::target::Target;

/// An injection that has no number yet.
pub(super) struct Draft {
    /// Index of its step.
    pub(super) step: usize,
    /// The fault as it will be planned, without its number and what it waits for.
    pub(super) fault: PlannedFault,
    /// Index of the draft that it waits for, and the time after that.
    pub(super) after: Option<(usize, Span)>,
}

impl Draft {
    /// When it ends, if it does.
    pub(super) fn end(&self) -> Span {
        self.fault.until.unwrap_or(self.fault.at)
    }
}

/// When the first injection of a step begins: as early as `at`, and after another draft.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) at: Span,
    pub(super) after: Option<(usize, Span)>,
}

/// The injections of a step, one after the other; `index` is the place of the first. Or why its
/// fault cannot be injected here.
pub(super) fn drafts(
    request: &PlanRequest<'_>,
    step: usize,
    replicas: &[Replica],
    start: Start,
    index: usize,
) -> Result<Vec<Draft>, String> {
    let asked = &request.source.scenario.method[step];
    let rounds = asked.pulse.map_or(1, |pulse| pulse.times);
    let groups: Vec<&[Replica]> = match asked.fault.gap() {
        Some(_) => replicas.chunks(1).collect(),
        None => vec![replicas],
    };
    let pause = asked.pulse.map(|pulse| pulse.on).or(asked.fault.gap()).unwrap_or(Span::ZERO);
    let Start { mut at, mut after } = start;
    let mut drafts: Vec<Draft> = Vec::new();
    for round in 1..=rounds {
        for group in &groups {
            let (target, seed) = (request.target, request.seed);
            let victims = Victims { target, replicas: group, seed };
            let mut fault = planned(request, asked, &victims, at)?;
            if rounds > 1 {
                fault.title = format!("{}, {round} of {rounds}", fault.title);
            }
            let draft = Draft { step, fault, after };
            at = draft.end() + pause;
            after = Some((index + drafts.len(), pause));
            drafts.push(draft);
        }
    }
    Ok(drafts)
}

fn planned(
    request: &PlanRequest<'_>,
    step: &Step,
    victims: &Victims<'_>,
    at: Span,
) -> Result<PlannedFault, String> {
    let fault = step.fault_on(&request.target.name);
    let injection = fault.injection(victims)?;
    let mut title = fault.title(&named(request.target, victims.replicas));
    if let Some(selector) = step.fault.selector()
        && step.analogue.contains_key(&request.target.name)
    {
        let to = step.fault.traffic().and_then(|traffic| traffic.to.as_ref());
        let to = to.map(|to| format!(" and {to}")).unwrap_or_default();
        title = format!("{title} (the analogue of {selector}{to} here)");
    }
    let mut components: Vec<String> =
        victims.replicas.iter().map(|replica| replica.component.clone()).collect();
    components.dedup();
    Ok(PlannedFault {
        id: 0,
        name: step.fault.keyword().to_owned(),
        title,
        at,
        until: (!step.fault.stays()).then(|| at + length(request, step)),
        after: None,
        components,
        injection,
    })
}

/// How long one injection of a step lasts; one that takes its replicas one by one is over when
/// they are ready again.
fn length(request: &PlanRequest<'_>, step: &Step) -> Span {
    match (step.pulse, step.fault.gap()) {
        (Some(pulse), _) => pulse.off,
        (None, Some(_)) => Span::ZERO,
        (None, None) => step.length.under(request.profile),
    }
}

/// The replicas in a few words: `rabbitmq`, `app ×2`, `app-1`.
fn named(target: &Target, replicas: &[Replica]) -> String {
    let mut names = Vec::new();
    for component in &target.components {
        let of: Vec<_> = replicas.iter().filter(|it| it.component == component.name).collect();
        let all = of.len() == component.replicas as usize;
        match of.len() {
            0 => {}
            1 if all => names.push(component.name.clone()),
            count if all => names.push(format!("{} ×{count}", component.name)),
            _ => names.extend(of.iter().map(ToString::to_string)),
        }
    }
    names.join(", ")
}
