//! In which order the components of a target start: those that depend on nothing first, then
//! those that depend on them, everything else at the same time.

use std::collections::BTreeSet;

use chaos_scenarios::target::Component;

/// Components in steps; all of a step may start at the same time. Components that depend on each
/// other, or on nothing that exists, come last: every one starts.
pub(super) fn steps(components: &[Component]) -> Vec<Vec<&Component>> {
    let mut started: BTreeSet<&str> = BTreeSet::new();
    let mut waiting: Vec<&Component> = components.iter().collect();
    let mut steps = Vec::new();
    while !waiting.is_empty() {
        let (ready, blocked): (Vec<_>, Vec<_>) = waiting.iter().copied().partition(|component| {
            component.depends_on.iter().all(|needed| started.contains(needed.as_str()))
        });
        // Without progress there is a circle: it is started as it stands.
        let (step, rest) = if ready.is_empty() { (blocked, Vec::new()) } else { (ready, blocked) };
        started.extend(step.iter().map(|component| component.name.as_str()));
        steps.push(step);
        waiting = rest;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::container::tests::component;

    fn names(written: &[(&str, &[&str])]) -> Vec<Vec<String>> {
        let components: Vec<Component> = written
            .iter()
            .map(|(name, needed)| Component {
                depends_on: needed.iter().map(|&name| name.to_owned()).collect(),
                ..component(name)
            })
            .collect();
        let name = |component: &&Component| component.name.clone();
        steps(&components).iter().map(|step| step.iter().map(name).collect()).collect()
    }

    #[test]
    fn what_is_needed_starts_first_and_the_rest_together() {
        let written: [(&str, &[&str]); 4] = [
            ("proxy", &["orders"]),
            ("orders", &["orders-db", "rabbitmq"]),
            ("orders-db", &[]),
            ("rabbitmq", &[]),
        ];
        assert_eq!(names(&written), [vec!["orders-db", "rabbitmq"], vec!["orders"], vec!["proxy"]]);
    }

    #[test]
    fn a_circle_still_starts() {
        let written: [(&str, &[&str]); 3] = [("a", &["b"]), ("b", &["a"]), ("c", &[])];
        assert_eq!(names(&written), [vec!["c"], vec!["a", "b"]]);
    }
}
