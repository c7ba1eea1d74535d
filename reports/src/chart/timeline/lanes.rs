//! The lanes of a timeline: phases, the fault, how long users and work felt it.

use chaos_scenarios::plan::RunKind;

use super::{Placed, last};
use crate::chart::axis::Axis;
use crate::chart::lane::{Bar, BarKind, Lane, Mark, PhaseStretch};
use crate::judge::Verdict;
use crate::record::Moment;
use crate::record::event::Phase;
use crate::record::run_record::PhaseSpan;

/// The lane of one run.
pub(super) fn lane(run: &Placed, time: &Axis) -> Lane {
    let share = |at: Moment| time.share(run.seconds(at));
    let phase = |span: &PhaseSpan| PhaseStretch {
        name: span.phase.name(),
        from: share(span.start),
        to: share(span.end.unwrap_or(run.record().last)),
    };
    let shown =
        |span: &&PhaseSpan| span.phase > Phase::WarmUp && run.seconds(span.start) < time.high();
    Lane {
        style: run.style,
        name: run.name.clone(),
        note: note(run),
        phases: run.record().phases.iter().filter(shown).map(phase).collect(),
        bars: bars(run, &share),
        marks: marks(run, &share),
    }
}

fn note(run: &Placed) -> String {
    let control = run.run.plan.kind == RunKind::Control;
    match (control, run.run.judgement.verdict) {
        (true, _) => "no fault".to_owned(),
        (false, Verdict::Held) => String::new(),
        (false, verdict) => verdict.name().to_owned(),
    }
}

fn bars(run: &Placed, share: &dyn Fn(Moment) -> f64) -> Vec<Bar> {
    let marks = &run.run.judgement.marks;
    let end = last(run.record());
    let mut bars = Vec::new();
    if let Some(felt) = marks.felt {
        let healed = marks.healed.unwrap_or(end);
        bars.push(Bar {
            kind: BarKind::Fault,
            from: share(felt),
            to: share(healed),
            text: format!("fault: {:.1} s", healed.seconds_since(felt)),
        });
    }
    let served = marks.impact.map(|impact| (impact, marks.recovered.unwrap_or(end)));
    if let Some((impact, recovered)) = served {
        bars.push(Bar {
            kind: BarKind::Impact,
            from: share(impact),
            to: share(recovered),
            text: format!("users felt it: {:.1} s", recovered.seconds_since(impact)),
        });
    }
    let idle = served.map(|(_, recovered)| recovered).or(marks.felt);
    if let (Some(from), Some(to)) = (idle, marks.recovered_fully)
        && to > from
    {
        bars.push(Bar {
            kind: BarKind::Backlog,
            from: share(from),
            to: share(to),
            text: format!("work was left over: {:.1} s", to.seconds_since(from)),
        });
    }
    bars
}

fn marks(run: &Placed, share: &dyn Fn(Moment) -> f64) -> Vec<Mark> {
    let marks = &run.run.judgement.marks;
    let mark = |at: Option<Moment>, sign, word: &str| {
        let at = at?;
        let text = format!("{word} {:.1} s", run.seconds(at));
        Some(Mark { at: share(at), sign, text, detail: String::new() })
    };
    let recovered = marks.impact.and(marks.recovered);
    let fully = marks.recovered_fully.filter(|fully| Some(*fully) > recovered.or(marks.felt));
    let felt = marks.felt.map(|at| Mark {
        at: share(at),
        sign: '▼',
        text: "felt".to_owned(),
        detail: fault_text(run),
    });
    let mut found: Vec<Mark> = [
        felt,
        mark(marks.healed, '▲', "healed"),
        mark(recovered, '●', "recovered"),
        mark(fully, '◆', "all work done"),
    ]
    .into_iter()
    .flatten()
    .collect();
    found.sort_by(|one, other| one.at.total_cmp(&other.at));
    found
}

/// What the fault is, behind the word of its mark.
fn fault_text(run: &Placed) -> String {
    let timeline = run.record().plan().map_or(&[][..], |plan| &plan.timeline);
    match timeline {
        [] => String::new(),
        [only] => format!(": {}", only.title),
        [first, more @ ..] => format!(": {} and {} more", first.title, more.len()),
    }
}
