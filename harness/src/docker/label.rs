//! The labels that every object of a run carries: they alone decide what may be touched, so that a
//! host can be cleaned by whoever comes later, without any file.

use std::collections::HashMap;

use chaos_scenarios::action::Replica;

use crate::port::Identity;

/// The invocation.
pub const EXPERIMENT: &str = "chaos.experiment";
/// The run: what clean-up goes by.
pub const RUN: &str = "chaos.run";
/// Name of the target.
pub const TARGET: &str = "chaos.target";
/// Name of the component, on containers.
pub const COMPONENT: &str = "chaos.component";
/// Number of the replica, on containers.
pub const REPLICA: &str = "chaos.replica";
/// When anybody may remove it, seconds since 1970.
pub const EXPIRES_AT: &str = "chaos.expires-at";
/// `true` on what outlives the process that made it.
pub const KEPT: &str = "chaos.kept";
/// The process that made it (see [`crate::owner::Owner`]).
pub const OWNER: &str = "chaos.owner";
/// `true` protects an object from us.
pub const SKIP: &str = "chaos.skip";

/// Labels of one object.
pub type Labels = HashMap<String, String>;

/// The labels of everything that belongs to a run of `target`, made by `owner`.
pub fn of_run(identity: &Identity, target: &str, owner: &str) -> Labels {
    [
        (EXPERIMENT, identity.experiment.clone()),
        (RUN, identity.run.clone()),
        (TARGET, target.to_owned()),
        (EXPIRES_AT, identity.expires_at.to_string()),
        (KEPT, identity.kept.to_string()),
        (OWNER, owner.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The labels of a container: those of its run, and whose it is.
pub fn of_replica(run: &Labels, replica: &Replica) -> Labels {
    let mut labels = run.clone();
    labels.insert(COMPONENT.to_owned(), replica.component.clone());
    labels.insert(REPLICA.to_owned(), replica.number.to_string());
    labels
}

/// Whose container carries these labels.
pub fn replica(labels: &Labels) -> Option<Replica> {
    let component = labels.get(COMPONENT)?.clone();
    Some(Replica { component, number: labels.get(REPLICA)?.parse().ok()? })
}

/// Whether an object is protected from us.
pub fn is_protected(labels: &Labels) -> bool {
    labels.get(SKIP).is_some_and(|value| value == "true")
}

/// Bytes as hexadecimal digits, which fit into every name.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
        text
    })
}

/// The filter for objects of a run, or of any run.
pub(super) fn filter(run: Option<&str>) -> HashMap<String, Vec<String>> {
    let label = run.map_or_else(|| RUN.to_owned(), |run| format!("{RUN}={run}"));
    HashMap::from([("label".to_owned(), vec![label])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_found_again_by_its_labels() {
        let identity = Identity {
            experiment: "e1".to_owned(),
            run: "r1".to_owned(),
            expires_at: 17,
            kept: true,
        };
        let orders = Replica { component: "orders".to_owned(), number: 2 };
        let labels = of_replica(&of_run(&identity, "broker", "vm/1/2"), &orders);
        assert_eq!(replica(&labels), Some(orders));
        assert_eq!(labels.get(EXPIRES_AT).map(String::as_str), Some("17"));
        assert_eq!(labels.get(KEPT).map(String::as_str), Some("true"));
        assert_eq!(labels.get(RUN).map(String::as_str), Some("r1"));
        assert!(!is_protected(&labels));
    }

    #[test]
    fn bytes_become_two_digits_each() {
        assert_eq!(hexadecimal(&[0, 7, 0xff, 0x80]), "0007ff80");
    }

    #[test]
    fn what_is_not_a_container_is_nobodys_replica() {
        let network = Labels::from([(RUN.to_owned(), "r1".to_owned())]);
        assert_eq!(replica(&network), None);
        assert!(is_protected(&Labels::from([(SKIP.to_owned(), "true".to_owned())])));
    }
}
