//! A plan in words: what would be started, touched and measured.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{After, Plan, PlannedFault, RunKind};
use crate::expectation::Expectation;
use crate::quantity::Span;

/// The plan as text, a line per fact; ends with a line feed.
pub fn render(plan: &Plan) -> String {
    let mut text = String::new();
    write_plan(&mut text, plan).expect("writing to a text");
    text
}

fn write_plan(text: &mut String, plan: &Plan) -> std::fmt::Result {
    let control = if plan.kind == RunKind::Control { " (control, no fault)" } else { "" };
    let Plan { scenario, title, target, mode, .. } = plan;
    writeln!(text, "{scenario} on {}@{mode}{control}: {title}", target.name)?;
    writeln!(text, "  seed {}, repeat {}, profile {}", plan.seed, plan.repeat, plan.profile)?;
    if !plan.safeguards_off.is_empty() {
        writeln!(text, "  safeguards off: {}", plan.safeguards_off.join(", "))?;
    }
    if let Some(reason) = &plan.not_applicable {
        return writeln!(text, "  not applicable: {reason}");
    }
    if let Some(reason) = &plan.host_lacks {
        writeln!(text, "  cannot be run on this machine: {reason}")?;
    }
    write_components(text, plan)?;
    write_proxies(text, plan)?;
    write_load(text, plan)?;
    write_phases(text, plan)?;
    write_timeline(text, plan)?;
    write_list(text, "before the fault", &plan.hypothesis)?;
    write_list(text, "expected", &plan.expect)?;
    write_list(text, "stops the run", &plan.stop_conditions)
}

fn write_components(text: &mut String, plan: &Plan) -> std::fmt::Result {
    writeln!(text, "\n  components")?;
    let components = &plan.target.components;
    let width = |length: &dyn Fn(usize) -> usize| {
        (0..components.len()).map(length).max().unwrap_or_default()
    };
    let names = width(&|index| components[index].name.chars().count());
    let roles = width(&|index| components[index].role.name().len());
    for component in components {
        let memory = component.memory.map(|memory| format!(", {memory}")).unwrap_or_default();
        let (name, role) = (&component.name, component.role.name());
        let (replicas, image) = (component.replicas, &component.image);
        writeln!(text, "    {name:names$}  {role:roles$}  ×{replicas}  {image}{memory}")?;
    }
    write_sizes(text, plan)
}

/// Writing to memory costs nothing, so figures of such a run compare with no other.
fn write_sizes(text: &mut String, plan: &Plan) -> std::fmt::Result {
    let sizes = &plan.target.volume_sizes;
    if sizes.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  volumes of a size (memory of the host; no write waits for a disk)")?;
    let width = sizes.keys().map(|name| name.chars().count()).max().unwrap_or_default();
    for (name, size) in sizes {
        writeln!(text, "    {name:width$}  {size}")?;
    }
    Ok(())
}

/// What stands before components, and what does not reach them through it.
fn write_proxies(text: &mut String, plan: &Plan) -> std::fmt::Result {
    let proxies = plan.proxies();
    if proxies.is_empty() {
        return Ok(());
    }
    let listed = |ports: &BTreeSet<u16>| {
        ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    writeln!(text, "\n  proxies of ours, one before each replica during the whole run")?;
    for proxy in &proxies {
        let http = listed(&proxy.http);
        let passed = match proxy.passed.is_empty() {
            true => String::new(),
            false => format!(", passes {} on as it is", listed(&proxy.passed)),
        };
        let name = &proxy.component;
        writeln!(text, "    {name}: speaks HTTP on {http}{passed}, and lets nothing else through")?;
    }
    Ok(())
}

fn write_load(text: &mut String, plan: &Plan) -> std::fmt::Result {
    let load = &plan.load;
    let workload = &load.workload;
    writeln!(text, "\n  load")?;
    writeln!(
        text,
        "    workload {} with {} classes of requests, into {}",
        workload.name,
        workload.requests.len(),
        plan.target.entry
    )?;
    let arrival = format!("{:?}", load.arrival).to_lowercase();
    for stage in &load.stages {
        writeln!(text, "    from {} on: {} ({arrival})", stage.from, stage.rate)?;
    }
    let (users, timeout) = (load.users, workload.timeout);
    writeln!(text, "    {} with {users} users, timeout {timeout}", load.engine)
}

fn write_phases(text: &mut String, plan: &Plan) -> std::fmt::Result {
    let phases = &plan.phases;
    writeln!(text, "\n  phases")?;
    writeln!(
        text,
        "    warm-up {}, baseline {}, test {}, horizon {}, keep {}",
        phases.warm_up, phases.baseline, phases.test, phases.horizon, phases.keep
    )?;
    writeln!(
        text,
        "    recovery at most {} after the test, drain at most {}",
        phases.recovery_limit, phases.drain_limit
    )
}

fn write_timeline(text: &mut String, plan: &Plan) -> std::fmt::Result {
    writeln!(text, "\n  timeline (seconds of the test phase)")?;
    if plan.timeline.is_empty() {
        return writeln!(text, "    nothing is injected");
    }
    let several = plan.timeline.len() > 1;
    for fault in &plan.timeline {
        let number = if several { format!("#{} ", fault.id) } else { String::new() };
        write_fault(text, &number, fault)?;
    }
    for need in &plan.needs {
        match need {
            super::Need::InFlight => {
                writeln!(text, "    each injection waits for an order in flight")?;
            }
        }
    }
    Ok(())
}

fn write_fault(text: &mut String, number: &str, fault: &PlannedFault) -> std::fmt::Result {
    let seconds = |span: Span| format!("{:8.3}", span.as_seconds());
    let injection = &fault.injection;
    writeln!(text, "    {}  {number}{}", seconds(fault.at), fault.title)?;
    if let Some(After { fault, plus }) = fault.after {
        writeln!(text, "              once  #{fault} is over and ready again, and {plus} later")?;
    }
    for action in &injection.inject {
        writeln!(text, "              do    {action}")?;
    }
    for check in &injection.felt {
        writeln!(text, "              felt  {check}")?;
    }
    let Some(until) = fault.until else {
        return writeln!(text, "              it stays");
    };
    writeln!(text, "    {}  {number}end of {}", seconds(until), fault.name)?;
    for action in &injection.heal {
        writeln!(text, "              undo  {action}")?;
    }
    for check in &injection.healed {
        writeln!(text, "              done  {check}")?;
    }
    Ok(())
}

fn write_list(text: &mut String, title: &str, list: &[Expectation]) -> std::fmt::Result {
    if list.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  {title}")?;
    for expectation in list {
        writeln!(text, "    {expectation}")?;
    }
    Ok(())
}
