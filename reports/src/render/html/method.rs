//! How it was measured and what it cannot show: definitions, the targets' own constants, the load
//! generator itself, versions, limits.

use std::collections::{BTreeMap, BTreeSet};

use chaos_scenarios::measure::{Measure, Unit};
use chaos_scenarios::plan::{Plan, Proxy};
use maud::{Markup, html};

use crate::chart::sampling::percentile;
use crate::judge::report::{ExperimentReport, RunReport};
use crate::record::event::CpuKept;
use crate::render::value;
use crate::render::view::{ScenarioView, target_name};

/// What a reader must know to read the figures.
const DEFINITIONS: [(&str, &str); 7] = [
    (
        "due",
        "Arrivals follow the plan, never the answers. A request counts where it was due, and its response time runs from then, so that a slow system cannot hide its waiting users.",
    ),
    (
        "good",
        "The expected answer within the latency bound of its class. A timeout is a bad request with the timeout as its response time.",
    ),
    (
        "felt, healed",
        "Felt is the earliest evidence that the fault acts, healed the earliest that its undo acts: Docker's own events, mapped to the clock of the harness.",
    ),
    (
        "recovered",
        "The first request of the first 5 s in which every second is in band: at least 99 % good, and p95 at most 1.5 times the baseline's or 50 ms above it.",
    ),
    (
        "all work done",
        "The last time that pending work or the completion of orders was outside its usual range. Where orders are accepted first and worked on later, recovery alone misleads.",
    ),
    (
        "completed",
        "In the expected final state within 5 s of the due time. What is accepted and not completed in time is the price of working later.",
    ),
    (
        "fates",
        "Every ledgered order is set against the final state of all components, read after the load has ended and pending work was waited for.",
    ),
];

/// What the study does not show.
const LIMITS: [&str; 6] = [
    "One host and one kernel: no real network, no clock differences, no failing disk. The load generator shares the machine with the targets; its lag is given above.",
    "Killing a process keeps what the kernel has buffered. Findings hold against the death of processes, never against the loss of power.",
    "The monolith's charge and shipment are rows in its own database, written in one transaction. In life they are calls to others, with the failures that calls have: this favours the monolith.",
    "One run of a target is observed, not compared: a difference between single runs may be chance. Repeats show how far runs of the same target lie apart.",
    "A control shows the same load without the fault on a target that has nothing to kill there. It belongs in no ranking.",
    "Recovery depends on the constants below (reconnect pauses, health checks, retry delays); other values give other figures.",
];

/// The section.
pub(super) fn section(report: &ExperimentReport, scenarios: &[ScenarioView]) -> Markup {
    html! {
        section #method {
            h2 { "Method" }
            h3 { "Words" }
            dl.facts { @for (word, says) in DEFINITIONS {
                div { dt { (word) } dd { (says) } }
            } }
            (generator(scenarios))
            (proxies(report))
            h3 { "Limits of the study" }
            ul.plain { @for limit in LIMITS { li { (limit) } } }
            h3 { "Constants of the targets" }
            @for (name, constants) in constants(report) {
                details {
                    summary { (name) small { (constants.len()) " constants that bound what can be measured" } }
                    div.wide { table { tbody { @for (constant, text) in constants {
                        tr { th scope="row" { (constant) } td { (text) } }
                    } } } }
                }
            }
            (versions(report))
        }
    }
}

fn generator(scenarios: &[ScenarioView]) -> Markup {
    let runs: Vec<(String, &RunReport)> = scenarios
        .iter()
        .flat_map(|scenario| {
            let named = |(name, run)| (format!("{} · {name}", scenario.name), run);
            scenario.runs().into_iter().map(named)
        })
        .filter(|(_, run)| run.record.generator.due > 0)
        .collect();
    if runs.is_empty() {
        return html! {};
    }
    html! {
        h3 { "The load generator" }
        div.wide { table {
            thead { tr {
                th scope="col" { "Run" }
                @for head in ["Due", "Sent", "Not sent", "Lag p50", "Lag p99", "Counted by the engine", "CPU of the harness", "Kept from its cores"] {
                    th.n scope="col" { (head) }
                }
                th scope="col" { "Seed" }
            } }
            tbody { @for (name, run) in &runs { (generator_row(name, run)) } }
        } }
    }
}

fn generator_row(name: &str, run: &RunReport) -> Markup {
    let totals = &run.record.generator;
    let count = |number: u64| value::number(number as f64, Measure::Sent.unit());
    let lag = |share| match percentile(&totals.lag, share) {
        Some(micros) => value::number(micros as f64 / 1e6, Unit::Seconds),
        None => "—".to_owned(),
    };
    let cpu = match totals.seconds {
        0 => "—".to_owned(),
        seconds => value::number(totals.cpu as f64 / 1e6 / seconds as f64, Unit::Share),
    };
    html! {
        tr {
            th scope="row" { (name) }
            td.n { (count(totals.due)) }
            td.n { (count(totals.sent)) }
            td.n { (count(totals.not_sent)) }
            td.n { (lag(0.5)) }
            td.n { (lag(0.99)) }
            td.n { (totals.engine_requests.map_or_else(|| "—".to_owned(), count)) }
            td.n { (cpu) @if totals.seconds > 0 { " of a core" } }
            td.n { (kept(&run.record.cpu_kept)) }
            td { (run.plan.seed) }
        }
    }
}

/// What stood before components that cannot make trouble for themselves, before the fault as after.
fn proxies(report: &ExperimentReport) -> Markup {
    let plans = report.runs.iter().filter_map(|run| run.record.plan());
    let lines: BTreeSet<String> = plans.flat_map(proxies_of).collect();
    if lines.is_empty() {
        return html! {};
    }
    html! {
        h3 { "Proxies of ours" }
        p { "They stood before every replica during the whole run, the baseline included: their cost is part of all its figures, and while a replica was gone its callers met the proxy's 502." }
        ul.plain { @for line in &lines { li { (line) } } }
    }
}

fn proxies_of(plan: &Plan) -> Vec<String> {
    let target = target_name(&plan.target.name, &plan.mode);
    let line = |proxy: &Proxy| {
        let ports: Vec<String> = proxy.http.iter().map(ToString::to_string).collect();
        let (ports, component) = (ports.join(", "), &proxy.component);
        format!("{} on {target}: {component}, HTTP on {ports}", plan.scenario)
    };
    plan.proxies().iter().map(line).collect()
}

/// Share of the time, by other machines and by other processes, as far as each is known.
fn kept(kept: &CpuKept) -> String {
    let stolen = kept.stolen_share().map(|share| (share, "stolen"));
    let pressed = kept.pressed_share().map(|share| (share, "pressed"));
    let parts = [stolen, pressed].into_iter().flatten();
    let parts: Vec<String> =
        parts.map(|(share, how)| format!("{} {how}", value::number(share, Unit::Share))).collect();
    if parts.is_empty() { "—".to_owned() } else { parts.join(", ") }
}

/// Constants by target; the same target in several scenarios is told once.
fn constants(report: &ExperimentReport) -> BTreeMap<String, BTreeMap<&str, &str>> {
    let mut targets = BTreeMap::new();
    for run in &report.runs {
        let Some(plan) = run.record.plan() else { continue };
        let own = plan.target.constants.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let own: BTreeMap<&str, &str> = own.collect();
        if !own.is_empty() {
            targets.entry(target_name(&run.plan.target, &run.plan.mode)).or_insert(own);
        }
    }
    targets
}

fn versions(report: &ExperimentReport) -> Markup {
    let host = &report.header.host;
    let mut images: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (replica, image) in report.runs.iter().flat_map(|run| &run.record.images) {
        let users = images.entry(image.as_str()).or_default();
        if !users.contains(&replica.component) {
            users.push(replica.component.clone());
        }
    }
    html! {
        h3 { "Versions" }
        p {
            "chaos " (report.header.version) ", Docker " (host.docker) " (cgroup v" (host.cgroup) ", "
            (host.storage) "), Linux " (host.kernel) "; containers share CPUs " (host.target_cpus) "."
        }
        @if !images.is_empty() {
            details {
                summary { "Images" small { (images.len()) } }
                div.wide { table { tbody { @for (image, users) in &images {
                    tr { th scope="row" { code { (image) } } td { (users.join(", ")) } }
                } } } }
            }
        }
    }
}
