//! The matrix that gives an order its fate: what its client saw against what is there in the end.

use chaos_scenarios::measure::Fate;

use crate::record::order::{Acknowledgement, OrderRecord, Outcome};

/// What the client of an order saw: the rows of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    /// It was told that the order is done.
    Completed,
    /// It was told that the order is refused.
    Rejected,
    /// It was told that the order is taken.
    Accepted,
    /// It failed, certainly without effect.
    Fail,
    /// It does not know.
    Unknown,
}

impl Seen {
    #[cfg(test)]
    pub(super) const ALL: [Self; 5] =
        [Self::Completed, Self::Rejected, Self::Accepted, Self::Fail, Self::Unknown];

    /// What the client of an order saw; none if it was never sent.
    pub(super) fn of(order: &OrderRecord) -> Option<Self> {
        match (order.outcome, order.acknowledged) {
            (Outcome::NotSent, _) => None,
            (Outcome::Fail, _) => Some(Self::Fail),
            (Outcome::Unknown, _) | (Outcome::Wrong, None) => Some(Self::Unknown),
            (_, Some(Acknowledgement::Completed)) => Some(Self::Completed),
            (_, Some(Acknowledgement::Rejected)) => Some(Self::Rejected),
            // An expected answer that promises nothing else is at least a receipt.
            (_, Some(Acknowledgement::Accepted)) | (Outcome::Ok, None) => Some(Self::Accepted),
        }
    }

    /// The name of the row.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Completed => "ok-completed",
            Self::Rejected => "ok-rejected",
            Self::Accepted => "ok-accepted",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the order was promised to be, or to become, done.
    pub(super) const fn promised(self) -> bool {
        matches!(self, Self::Completed | Self::Accepted)
    }

    /// What was seen, as the beginning of a sentence.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Completed => "reported as completed",
            Self::Rejected => "reported as rejected",
            Self::Accepted => "acknowledged",
            Self::Fail => "refused without effect",
            Self::Unknown => "failed with unknown effect",
        }
    }
}

/// What is there of an order in the end: the columns of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    /// Nothing at all.
    Absent,
    /// Completed, with all effects.
    Completed,
    /// Rejected as expected, with no effect left.
    Rejected,
    /// Cancelled, with no effect left.
    Cancelled,
    /// In a final state that is not the expected one: completed or rejected.
    Unexpected {
        /// Completed; rejected otherwise.
        completed: bool,
    },
    /// Not final, with the effects of its first steps.
    NotFinal,
    /// In the dead letters, with the effects of its first steps.
    Dead,
    /// With effects that fit no state.
    Misfit,
}

impl Found {
    /// The name of the column.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Completed => "completed",
            Self::Rejected => "rejected-as-expected",
            Self::Cancelled => "cancelled",
            Self::Unexpected { .. } => "not-as-expected",
            Self::NotFinal => "not-final",
            Self::Dead => "dead-lettered",
            Self::Misfit => "misfit",
        }
    }

    /// What was found, as the end of a sentence.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Absent => "absent in the end",
            Self::Completed => "completed in the end",
            Self::Rejected => "rejected in the end",
            Self::Cancelled => "cancelled in the end",
            Self::Unexpected { completed: true } => "completed although it is to be rejected",
            Self::Unexpected { completed: false } => "rejected although it is to be completed",
            Self::NotFinal => "not final after the drain",
            Self::Dead => "in the dead letters",
            Self::Misfit => "left with effects that fit no state",
        }
    }
}

/// The columns of the matrix in the order of the page, by name.
pub const COLUMNS: [&str; 8] = [
    "absent",
    "completed",
    "rejected-as-expected",
    "cancelled",
    "not-as-expected",
    "not-final",
    "dead-lettered",
    "misfit",
];

/// The rows of the matrix in the order of the page, by name.
pub const ROWS: [&str; 5] = ["ok-completed", "ok-rejected", "ok-accepted", "fail", "unknown"];

/// The fate of an order of which nothing happened twice.
pub(super) fn fate(seen: Seen, found: Found) -> Fate {
    match found {
        Found::Misfit => Fate::Invalid,
        Found::Absent if seen.promised() => Fate::Lost,
        Found::Absent => Fate::Fine,
        Found::Completed => completed(seen),
        Found::Cancelled if seen == Seen::Accepted => Fate::BrokenPromise,
        Found::Rejected | Found::Cancelled => if_reported_done(seen, Fate::Fine),
        Found::Unexpected { completed: true } => completed(seen).min(Fate::Wrong),
        Found::Unexpected { completed: false } => if_reported_done(seen, Fate::Wrong),
        Found::NotFinal => open(seen, Fate::Stuck),
        Found::Dead => open(seen, Fate::Dead),
    }
}

fn completed(seen: Seen) -> Fate {
    match seen {
        Seen::Completed | Seen::Accepted | Seen::Unknown => Fate::Fine,
        Seen::Rejected => Fate::Wrong,
        Seen::Fail => Fate::Phantom,
    }
}

/// Undone after it was reported done is gone.
fn if_reported_done(seen: Seen, otherwise: Fate) -> Fate {
    if seen == Seen::Completed { Fate::Lost } else { otherwise }
}

fn open(seen: Seen, waiting: Fate) -> Fate {
    match seen {
        Seen::Completed | Seen::Rejected => Fate::Invalid,
        Seen::Accepted | Seen::Unknown => waiting,
        Seen::Fail => Fate::Phantom,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix as it is published: one row per client view, one column per final state.
    const PUBLISHED: [(Seen, [Fate; 7]); 5] = {
        use Fate::{BrokenPromise, Dead, Fine, Invalid, Lost, Phantom, Stuck, Wrong};
        [
            (Seen::Completed, [Lost, Fine, Lost, Lost, Invalid, Invalid, Invalid]),
            (Seen::Rejected, [Fine, Wrong, Fine, Fine, Invalid, Invalid, Invalid]),
            (Seen::Accepted, [Lost, Fine, Fine, BrokenPromise, Stuck, Dead, Invalid]),
            (Seen::Fail, [Fine, Phantom, Fine, Fine, Phantom, Phantom, Invalid]),
            (Seen::Unknown, [Fine, Fine, Fine, Fine, Stuck, Dead, Invalid]),
        ]
    };
    const FOUND: [Found; 7] = [
        Found::Absent,
        Found::Completed,
        Found::Rejected,
        Found::Cancelled,
        Found::NotFinal,
        Found::Dead,
        Found::Misfit,
    ];

    #[test]
    fn every_cell_of_the_matrix_is_as_published() {
        for (seen, fates) in PUBLISHED {
            for (found, expected) in FOUND.into_iter().zip(fates) {
                assert_eq!(fate(seen, found), expected, "{} × {}", seen.name(), found.name());
            }
        }
    }

    #[test]
    fn an_unexpected_final_state_is_at_least_wrong() {
        for seen in Seen::ALL {
            for completed in [true, false] {
                assert!(fate(seen, Found::Unexpected { completed }) <= Fate::Wrong);
            }
        }
        let rejected = Found::Unexpected { completed: false };
        assert_eq!(fate(Seen::Completed, rejected), Fate::Lost);
        assert_eq!(fate(Seen::Fail, Found::Unexpected { completed: true }), Fate::Phantom);
    }

    #[test]
    fn names_of_rows_and_columns_are_the_published_ones() {
        assert_eq!(Seen::ALL.map(Seen::name), ROWS);
        for found in FOUND.into_iter().chain([Found::Unexpected { completed: true }]) {
            assert!(COLUMNS.contains(&found.name()));
        }
    }
}
