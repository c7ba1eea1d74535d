//! What happened, in order: phases, faults, what Docker told, readiness, notes.

use maud::{Markup, html};

use crate::judge::report::RunReport;
use crate::record::Moment;
use crate::record::run_record::FaultRecord;
use crate::render::view::{ScenarioView, seconds_of};

/// Something that happened.
struct Happening {
    at: Moment,
    kind: &'static str,
    text: String,
}

/// One list per run.
pub(super) fn block(scenario: &ScenarioView) -> Markup {
    html! {
        @for (name, run) in scenario.runs() {
            @let happenings = happenings(run);
            @if !happenings.is_empty() {
                details {
                    summary { "What happened, in order" small { (name) ": " (happenings.len()) " events" } }
                    div.wide { table {
                        thead { tr {
                            th.n scope="col" { (clock_name(run)) }
                            th scope="col" { "Kind" }
                            th scope="col" { "What" }
                        } }
                        tbody { @for one in &happenings { tr {
                            td.n { (seconds_of(run)(one.at)) }
                            td.soft { (one.kind) }
                            td { (one.text) }
                        } } }
                    } }
                    p { small { "Journal, orders, final state and logs: " code { (run.folder) } } }
                }
            }
        }
    }
}

fn clock_name(run: &RunReport) -> &'static str {
    if run.judgement.marks.felt.is_some() { "Since felt" } else { "Since start" }
}

fn happenings(run: &RunReport) -> Vec<Happening> {
    let record = &run.record;
    let mut found: Vec<Happening> = Vec::new();
    let mut add = |at, kind, text: String| found.push(Happening { at, kind, text });
    for span in &record.phases {
        add(span.start, "phase", format!("{} begins", span.phase.name()));
    }
    for event in &record.container_events {
        let code = event.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
        add(event.happened, "Docker", format!("{}: {}{code}", event.replica, event.action));
    }
    for change in &record.readiness {
        let what = if change.ready { "is ready" } else { "is not ready" };
        add(change.at, "readiness", format!("{} {what} ({})", change.replica, change.evidence));
    }
    for (at, text) in &record.notes {
        add(*at, "note", text.clone());
    }
    for fault in record.faults.values() {
        let title =
            record.planned_fault(fault.id).map_or("fault", |planned| planned.title.as_str());
        for (at, text) in of_fault(fault, title) {
            add(at, "fault", text);
        }
    }
    if !record.residue.is_empty() {
        add(record.last, "residue", format!("could not be removed: {}", record.residue.join(", ")));
    }
    found.sort_by_key(|one| one.at);
    found
}

fn of_fault(fault: &FaultRecord, title: &str) -> Vec<(Moment, String)> {
    let proof = if fault.evidence.is_empty() {
        String::new()
    } else {
        format!(" ({})", fault.evidence.join("; "))
    };
    let steps = [
        (fault.armed, format!("{title}: its undo is on disk")),
        (fault.injected, format!("{title}: injected")),
        (fault.felt, format!("{title}: felt{proof}")),
        (fault.healing, format!("{title}: its undo begins")),
        (fault.healed, format!("{title}: healed")),
        (fault.ready, format!("{title}: its components are ready again")),
    ];
    let mut told: Vec<(Moment, String)> =
        steps.into_iter().filter_map(|(at, text)| Some((at?, text))).collect();
    let last = fault.healing.or(fault.injected).or(fault.armed).unwrap_or_default();
    let failures = [("was not felt", &fault.not_felt), ("could not be undone", &fault.heal_failed)];
    told.extend(failures.into_iter().filter_map(|(what, reason)| {
        Some((last, format!("{title}: {what}: {}", reason.as_ref()?)))
    }));
    told
}
