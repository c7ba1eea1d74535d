//! Every cell of the published matrix, and clean worlds of every kind of order.

use chaos_scenarios::measure::Fate;
use chaos_scenarios::workload::Expected;

use super::super::{ACCEPTED, COMPLETED, FAIL, REJECTED, Seen, UNKNOWN};
use super::Question;
use super::world::World;

/// The rows, with the invariant that an effect at all breaks, and the one that another end than the
/// reported one breaks.
const ROWS: [(&str, Seen); 5] = [
    ("ok 201 completed", COMPLETED),
    ("ok 201 rejected", REJECTED),
    ("ok 202", ACCEPTED),
    ("fail", FAIL),
    ("unknown", UNKNOWN),
];

/// A column: its name, what should become of the order, what is left of it, and by row the fate with
/// the invariants that are broken with it.
type Column = (&'static str, Expected, &'static str, [(Fate, &'static [&'static str]); 5]);

const COLUMNS: [Column; 7] = {
    use Fate::{BrokenPromise, Dead, Fine, Invalid, Lost, Phantom, Stuck, Wrong};
    const OPEN: [&[&str]; 2] = [&["I11"], &["I3"]];
    [
        (
            "absent",
            Expected::Completed,
            "",
            [(Lost, &["I1", "I11"]), (Fine, &[]), (Lost, &["I1"]), (Fine, &[]), (Fine, &[])],
        ),
        (
            "completed",
            Expected::Completed,
            "standard COMPLETED consumed charged shipped",
            [(Fine, &[]), (Wrong, &[]), (Fine, &[]), (Phantom, &["I3"]), (Fine, &[])],
        ),
        (
            "rejected as expected",
            Expected::Rejected,
            "standard REJECTED released charged refunded",
            [(Lost, &["I11"]), (Fine, &[]), (Fine, &[]), (Fine, &[]), (Fine, &[])],
        ),
        (
            "cancelled, all undone",
            Expected::Completed,
            "standard CANCELLED released charged refunded unshipped",
            [(Lost, &["I11"]), (Fine, &[]), (BrokenPromise, &[]), (Fine, &[]), (Fine, &[])],
        ),
        (
            "not final",
            Expected::Completed,
            "standard CHARGED reserved charged",
            [(Invalid, OPEN[0]), (Invalid, &[]), (Stuck, &[]), (Phantom, OPEN[1]), (Stuck, &[])],
        ),
        (
            "dead-lettered, not final",
            Expected::Completed,
            "standard NEEDS_ATTENTION reserved dead",
            [(Invalid, OPEN[0]), (Invalid, &[]), (Dead, &[]), (Phantom, OPEN[1]), (Dead, &[])],
        ),
        (
            "effects that fit no state",
            Expected::Completed,
            "standard COMPLETED consumed charged",
            [
                (Invalid, &["I9", "I10"]),
                (Invalid, &["I9", "I10"]),
                (Invalid, &["I9", "I10"]),
                (Invalid, &["I3", "I9", "I10"]),
                (Invalid, &["I9", "I10"]),
            ],
        ),
    ]
};

/// All 35 cells; those that are fine are clean worlds.
pub(super) fn cells() -> Vec<Question> {
    let mut questions = Vec::new();
    for (column, expect, words, answers) in COLUMNS {
        for ((row, seen), (fate, broken)) in ROWS.into_iter().zip(answers) {
            let world = World::clean().and(seen, expect, words);
            let question = Question::new(format!("{row} × {column}"), world);
            questions.push(question.fate(fate).broken(broken));
        }
    }
    assert_eq!(questions.len(), 35);
    questions
}

/// What can be left of a clean order, what should become of it, and which clients may have seen it.
const CLEAN: [(&str, Expected, &[Seen]); 17] = {
    use Expected::{Completed, Either, Rejected};
    const DONE: &[Seen] = &[COMPLETED, ACCEPTED, UNKNOWN];
    const REFUSED: &[Seen] = &[REJECTED, ACCEPTED, FAIL, UNKNOWN];
    const UNDONE: &[Seen] = &[REJECTED, FAIL, UNKNOWN];
    [
        ("standard COMPLETED consumed charged shipped", Completed, DONE),
        ("pickup COMPLETED consumed charged", Completed, DONE),
        ("digital COMPLETED charged granted", Completed, DONE),
        ("standard COMPLETED consumed charged shipped", Either, DONE),
        ("pickup COMPLETED consumed charged dead", Completed, DONE),
        ("digital COMPLETED charged granted owed", Completed, DONE),
        ("standard REJECTED", Rejected, REFUSED),
        ("standard REJECTED released", Rejected, REFUSED),
        ("standard REJECTED released charged refunded", Rejected, REFUSED),
        ("pickup REJECTED released", Rejected, REFUSED),
        ("digital REJECTED", Rejected, REFUSED),
        ("pickup REJECTED", Either, REFUSED),
        ("standard CANCELLED released charged refunded unshipped", Completed, UNDONE),
        ("pickup CANCELLED released charged refunded", Completed, UNDONE),
        ("digital CANCELLED charged refunded revoked", Completed, UNDONE),
        ("digital CANCELLED", Rejected, UNDONE),
        ("", Completed, UNDONE),
    ]
};

/// Clean worlds: an order of every kind and end, seen by every client that may have seen it.
pub(super) fn clean_worlds() -> Vec<Question> {
    let mut questions = vec![
        Question::new("bystanders", World::clean()),
        // Sold out, and refused after that; then refused while another order holds the last one.
        Question::new("sold out", World::clean().with_hot(&[(3, 1, 9), (0, 10, 12)])),
        Question::new(
            "sold out soon",
            World::clean().with_hot(&[(0, 5, 12), (2, 1, 4), (1, 11, 20)]),
        ),
    ];
    for (words, expect, clients) in CLEAN {
        for seen in clients {
            let world = World::clean().and(*seen, expect, words);
            questions.push(Question::new(format!("{seen:?} of {words} ({expect:?})"), world));
        }
    }
    questions
}
