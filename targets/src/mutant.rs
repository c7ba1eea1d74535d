//! Defects planted on purpose, for the exam of the auditor: it must notice each of them.
//!
//! Each mutant is asked at exactly one place. They are refused unless the process is told that it
//! sits an exam, and are named in no help. One process has one set, which any place may ask without
//! being handed it, like the chaos switch.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every how many orders a mutant strikes that must not strike all: else no order at all would end
/// well, and the target would never be ready.
const EVERY: u64 = 5;

/// One planted defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A message that was handled before is handled again.
    SkipInbox,
    /// Messages are acknowledged before their effects are committed, and never retried.
    AcknowledgeEarly,
    /// A message counts as published without the broker's word.
    TrustPublish,
    /// Events are marked as sent before they are published.
    MarkSentFirst,
    /// Some events are never stored for publishing.
    SwallowEvent,
    /// A message that failed is acknowledged instead of passed on.
    DropFailed,
    /// Some orders are answered 202 and rolled back.
    LoseAccepted,
    /// An order that was rejected is answered as completed.
    AnswerCompleted,
    /// Some orders that were taken are answered with 503 and `X-Effect: none`.
    DenyCommitted,
    /// A late event moves an order back, even from a final state.
    MoveBack,
    /// The stock is not checked.
    Oversell,
    /// Nothing is released.
    KeepReserved,
    /// What is released is added to the stock twice.
    ReleaseTwice,
    /// Some goods stay set aside for good.
    NeverConsume,
    /// Nothing is refunded.
    KeepMoney,
    /// What is refunded is refunded twice.
    RefundTwice,
    /// Some orders are charged twice.
    ChargeTwice,
    /// Some orders are charged a cent too much.
    WrongAmount,
    /// Some orders get two parcels.
    ShipTwice,
    /// An address is not checked.
    ShipAnywhere,
    /// A step that arrives after it was undone is done all the same.
    ForgetTombstone,
    /// The pipeline manager takes a call without an answer for one that has done nothing.
    ForgetOutcome,
    /// A step that was done before is done again, as if every attempt had a key of its own.
    RenewKey,
}

impl Mutant {
    /// Every mutant, in the order of the enumeration.
    const ALL: [(&str, Self); 23] = [
        ("SKIP_INBOX", Self::SkipInbox),
        ("ACKNOWLEDGE_EARLY", Self::AcknowledgeEarly),
        ("TRUST_PUBLISH", Self::TrustPublish),
        ("MARK_SENT_FIRST", Self::MarkSentFirst),
        ("SWALLOW_EVENT", Self::SwallowEvent),
        ("DROP_FAILED", Self::DropFailed),
        ("LOSE_ACCEPTED", Self::LoseAccepted),
        ("ANSWER_COMPLETED", Self::AnswerCompleted),
        ("DENY_COMMITTED", Self::DenyCommitted),
        ("MOVE_BACK", Self::MoveBack),
        ("OVERSELL", Self::Oversell),
        ("KEEP_RESERVED", Self::KeepReserved),
        ("RELEASE_TWICE", Self::ReleaseTwice),
        ("NEVER_CONSUME", Self::NeverConsume),
        ("KEEP_MONEY", Self::KeepMoney),
        ("REFUND_TWICE", Self::RefundTwice),
        ("CHARGE_TWICE", Self::ChargeTwice),
        ("WRONG_AMOUNT", Self::WrongAmount),
        ("SHIP_TWICE", Self::ShipTwice),
        ("SHIP_ANYWHERE", Self::ShipAnywhere),
        ("FORGET_TOMBSTONE", Self::ForgetTombstone),
        ("FORGET_OUTCOME", Self::ForgetOutcome),
        ("RENEW_KEY", Self::RenewKey),
    ];
}

/// What can be wrong with the choice of mutants.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum MutantError {
    /// Mutants without an exam.
    #[error("MUTANTS plants `{0}`, which is refused: CHAOS_EXAM is not on")]
    NoExam(String),
    /// A name that no mutant has.
    #[error("MUTANTS names the unknown mutant `{0}`")]
    Unknown(String),
}

/// The mutants of a comma list; none but in an exam.
pub(crate) fn parse(names: &str, is_exam: bool) -> Result<Vec<Mutant>, MutantError> {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let find = |name: &str| match Mutant::ALL.into_iter().find(|(known, _)| *known == name) {
        _ if !is_exam => Err(MutantError::NoExam(name.to_owned())),
        Some((_, mutant)) => Ok(mutant),
        None => Err(MutantError::Unknown(name.to_owned())),
    };
    names.map(find).collect()
}

static PLANTED: OnceLock<Vec<Mutant>> = OnceLock::new();
static ORDERS: AtomicU64 = AtomicU64::new(0);

/// Plants mutants in this process, once.
pub(crate) fn plant(mutants: Vec<Mutant>) {
    // A second set would be a mistake of this crate; the first one stays.
    let _ = PLANTED.set(mutants);
}

/// Whether a mutant is planted here.
pub(crate) fn is_planted(mutant: Mutant) -> bool {
    PLANTED.get().is_some_and(|planted| planted.contains(&mutant))
}

/// Whether a mutant is planted here and meets this order: every fifth one, never the first.
pub(crate) fn strikes(mutant: Mutant) -> bool {
    is_planted(mutant) && ORDERS.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1
}

#[cfg(test)]
mod tests {
    use super::{Mutant, MutantError, is_planted, parse, strikes};

    #[test]
    fn mutants_live_in_exams_only_and_are_refused_by_name() {
        let both = parse("SKIP_INBOX, OVERSELL", true);
        assert_eq!(both, Ok(vec![Mutant::SkipInbox, Mutant::Oversell]));
        let refused = parse("OVERSELL", false).unwrap_err();
        assert_eq!(refused, MutantError::NoExam("OVERSELL".into()));
        assert!(refused.to_string().contains("`OVERSELL`"));
        assert_eq!(parse("OVERSEL", true), Err(MutantError::Unknown("OVERSEL".into())));
        assert_eq!(parse("", false), Ok(Vec::new()));
    }

    #[test]
    fn every_mutant_has_its_name_and_none_is_planted_by_itself() {
        for (position, (name, mutant)) in Mutant::ALL.into_iter().enumerate() {
            assert_eq!(mutant as usize, position, "{name}");
            assert!(!is_planted(mutant) && !strikes(mutant));
        }
    }
}
