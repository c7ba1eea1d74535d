//! Faults may overlap, also on one replica, unless they take hold of the same of it: what one of
//! them does, the other one would undo. Such a pair is refused, not resolved.

use super::compile::PlanRequest;
use super::draft::Draft;
use crate::action::{Aspect, Replica};
use crate::quantity::Span;
use crate::text::Diagnostics;

/// Notes every step that contradicts an earlier one.
pub(super) fn check(request: &PlanRequest<'_>, drafts: &[Draft], diagnostics: &mut Diagnostics) {
    let mut told = Vec::new();
    for (index, later) in drafts.iter().enumerate() {
        for earlier in &drafts[..index] {
            let steps = (earlier.step, later.step);
            if earlier.step == later.step || told.contains(&steps) || apart(earlier, later) {
                continue;
            }
            if both_change_the_load(request, earlier, later) {
                told.push(steps);
                let place = request.source.positions.place(&format!("method[{}]", later.step));
                let earlier = earlier.step + 1;
                let message = format!("this traffic begins while that of step {earlier} lasts");
                diagnostics.add(place, message);
                continue;
            }
            let Some((replica, ours, theirs)) = contested(later, earlier) else { continue };
            told.push(steps);
            let place = request.source.positions.place(&format!("method[{}]", later.step));
            let message = format!(
                "this fault acts on {replica} while step {} of the method still does, and {}",
                earlier.step + 1,
                if ours == theirs {
                    format!("both change {ours}")
                } else {
                    format!("one changes {theirs}, the other {ours}")
                }
            );
            let help = "let one end before the other begins, or choose other replicas".to_owned();
            diagnostics.add(place, message).help = Some(help);
        }
    }
}

fn both_change_the_load(request: &PlanRequest<'_>, one: &Draft, other: &Draft) -> bool {
    let steps = &request.source.scenario.method;
    [one, other].iter().all(|draft| steps[draft.step].fault.rate().is_some())
}

/// Whether one is over before the other begins. One without a length is not over at its beginning.
fn apart(one: &Draft, other: &Draft) -> bool {
    let end = |draft: &Draft| {
        let end = draft.fault.until.map_or(u64::MAX, Span::micros);
        end.max(draft.fault.at.micros() + 1)
    };
    end(one) <= other.fault.at.micros() || end(other) <= one.fault.at.micros()
}

/// The first replica of which one takes hold of what excludes what the other one holds.
fn contested<'a>(one: &'a Draft, other: &Draft) -> Option<(&'a Replica, Aspect, Aspect)> {
    one.fault.injection.inject.iter().find_map(|action| {
        let mut others = other.fault.injection.inject.iter();
        let (ours, theirs) = others.find_map(|other| action.contradicts(other))?;
        Some((action.replica(), ours, theirs))
    })
}
