//! Every cell of the matrix, from rows and answers to the fate.

use chaos_scenarios::measure::Fate;
use chaos_scenarios::workload::Expected;

use super::{ACCEPTED, COMPLETED, FAIL, ID, REJECTED, Seen, UNKNOWN, judged, left, order};
use crate::reconcile::COLUMNS;

/// The rows of the matrix.
const SEEN: [(&str, Seen); 5] = [
    ("ok-completed", COMPLETED),
    ("ok-rejected", REJECTED),
    ("ok-accepted", ACCEPTED),
    ("fail", FAIL),
    ("unknown", UNKNOWN),
];

/// A column of the matrix, what should become of the order, what is left of it, and the fates by
/// row.
type Column = (&'static str, Expected, &'static str, [Fate; 5]);

const CASES: [Column; 37] = {
    use Expected::{Completed as Good, Either, Rejected as Refused};
    use Fate::{BrokenPromise, Dead, Fine, Invalid, Lost, Phantom, Stuck, Wrong};
    const ABSENT: [Fate; 5] = [Lost, Fine, Lost, Fine, Fine];
    const DONE: [Fate; 5] = [Fine, Wrong, Fine, Phantom, Fine];
    const REFUSED: [Fate; 5] = [Lost, Fine, Fine, Fine, Fine];
    const CANCELLED: [Fate; 5] = [Lost, Fine, BrokenPromise, Fine, Fine];
    const OPEN: [Fate; 5] = [Invalid, Invalid, Stuck, Phantom, Stuck];
    const GIVEN_UP: [Fate; 5] = [Invalid, Invalid, Dead, Phantom, Dead];
    const MISFIT: [Fate; 5] = [Invalid; 5];
    const ORPHAN: [Fate; 5] = [Lost, Invalid, Lost, Invalid, Invalid];
    [
        ("absent", Good, "", ABSENT),
        ("absent", Good, "released charged refunded unshipped", ABSENT),
        ("completed", Good, "standard COMPLETED consumed charged shipped", DONE),
        ("completed", Either, "standard COMPLETED consumed charged shipped", DONE),
        ("completed", Good, "pickup COMPLETED consumed charged", DONE),
        ("completed", Good, "digital COMPLETED charged granted", DONE),
        ("completed", Good, "bespoke COMPLETED", DONE),
        ("rejected-as-expected", Refused, "standard REJECTED", REFUSED),
        ("rejected-as-expected", Either, "standard REJECTED released charged refunded", REFUSED),
        ("cancelled", Good, "standard CANCELLED released charged refunded unshipped", CANCELLED),
        ("cancelled", Refused, "digital CANCELLED charged refunded revoked", CANCELLED),
        (
            "not-as-expected",
            Refused,
            "standard COMPLETED consumed charged shipped",
            [Wrong, Wrong, Wrong, Phantom, Wrong],
        ),
        ("not-as-expected", Good, "standard REJECTED", [Lost, Wrong, Wrong, Wrong, Wrong]),
        ("not-final", Good, "standard ACCEPTED", OPEN),
        ("not-final", Good, "standard RESERVED reserved", OPEN),
        ("not-final", Good, "standard CHARGED reserved charged", OPEN),
        ("not-final", Good, "standard CHARGED consumed charged shipped", OPEN),
        ("not-final", Good, "standard COMPENSATING reserved charged refunded", OPEN),
        ("not-final", Good, "standard NEEDS_ATTENTION", OPEN),
        ("dead-lettered", Good, "standard NEEDS_ATTENTION reserved dead", GIVEN_UP),
        ("dead-lettered", Good, "digital ACCEPTED dead", GIVEN_UP),
        // The message that takes the stock for good was given up.
        ("dead-lettered", Good, "pickup COMPLETED reserved charged dead", GIVEN_UP),
        // What could not be undone yet is owed, in whatever order the rest was undone.
        ("not-final", Good, "standard CANCELLED reserved owed", OPEN),
        ("not-final", Refused, "standard REJECTED released charged owed", OPEN),
        ("dead-lettered", Good, "standard NEEDS_ATTENTION released charged owed dead", GIVEN_UP),
        ("completed", Good, "digital COMPLETED charged granted owed", DONE),
        ("misfit", Good, "digital CANCELLED charged granted reserved owed", MISFIT),
        ("misfit", Good, "standard COMPLETED", MISFIT),
        ("misfit", Good, "standard COMPLETED reserved charged shipped", MISFIT),
        ("misfit", Good, "standard COMPLETED consumed underpaid shipped", MISFIT),
        ("misfit", Good, "pickup COMPLETED consumed charged shipped", MISFIT),
        ("misfit", Refused, "standard REJECTED reserved", MISFIT),
        ("misfit", Good, "standard CANCELLED charged", MISFIT),
        // Charged or shipped before the step ahead of it was done.
        ("misfit", Good, "standard ACCEPTED charged", MISFIT),
        ("misfit", Good, "standard ACCEPTED reserved shipped dead", MISFIT),
        ("misfit", Good, "digital ACCEPTED reserved", MISFIT),
        // Effects without an order: what was promised is gone all the same.
        ("misfit", Good, "charged", ORPHAN),
    ]
};

#[test]
fn every_cell_is_reached_from_rows_and_answers() {
    for (column, expect, words, fates) in CASES {
        for ((row, seen), fate) in SEEN.into_iter().zip(fates) {
            let known = judged(&[order(ID, seen, expect)], &left(words));
            let cell = known.summary.matrix.get(row).and_then(|cells| cells.get(column));
            let case = format!("{row} × {column}, left: {words}");
            assert_eq!(cell, Some(&1), "{case} is in {:?}", known.summary.matrix);
            assert_eq!(known.count(fate), 1, "{case} is {:?}", known.evidence);
            assert_eq!(known.evidence.is_empty(), fate == Fate::Fine, "{case}");
        }
    }
    assert!(COLUMNS.iter().all(|name| CASES.iter().any(|(column, ..)| column == name)));
}
