//! What the faults of a broker share: they act on queues that the target names, since only its
//! application knows which there are.

use super::Victims;
use crate::target::Role;
use crate::text::Item;
use crate::text::diagnostic::help_for_name;

/// Any part of a name, in the pattern of one.
const ANY: char = '*';

/// Reads the name of a queue, or a pattern of names such as `q.*`.
pub(super) fn pattern(item: &Item<'_>) -> Option<String> {
    let name = item.text()?;
    let plain = |c: char| c.is_ascii_graphic();
    if !name.is_empty() && name.len() < 256 && name.chars().all(plain) {
        return Some(name);
    }
    item.wrong(
        format!("`{name}` is not the name of a queue"),
        Some("such as `q.orders`".to_owned()),
    )
}

/// The queues of the target that are meant, in the order of their names; every victim must be a
/// broker.
pub(super) fn resolve(victims: &Victims<'_>, pattern: &str) -> Result<Vec<String>, String> {
    for replica in victims.replicas {
        let component = victims.component(replica);
        if component.role != Role::Broker {
            let (name, role) = (&component.name, component.role);
            return Err(format!("`{name}` is no broker but a {role}: it has no queues"));
        }
    }
    let (target, known) = (&victims.target.name, &victims.target.queues);
    if known.is_empty() {
        return Err(format!(
            "{target} does not say which queues it has: name them in `x-chaos`, such as \
             `queues: {{{pattern}: {{dead: dead-letters}}}}`"
        ));
    }
    let found: Vec<String> = known.keys().filter(|name| fits(pattern, name)).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names = known.keys().map(String::as_str);
    let help = help_for_name(pattern, names).map_or_else(String::new, |help| format!(" ({help})"));
    Err(format!("{target} has no queue called `{pattern}`{help}"))
}

/// Whether a name is of a pattern, in which `*` stands for any part.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once(ANY) else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    rest.char_indices()
        .map(|(index, _)| index)
        .chain([rest.len()])
        .any(|index| fits(after, &rest[index..]))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_part() {
        for (pattern, name) in [("q.*", "q.orders"), ("*", ""), ("a*c*", "abcd"), ("q", "q")] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("q.*", "dlq.orders"), ("q", "q.orders"), ("a*c", "abcd")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
