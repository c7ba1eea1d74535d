//! The laws of conservation on random worlds: a clean one gives no finding, and one row that is
//! changed, lost or doubled is found, unless the world that it leaves is clean as well.

use chaos_scenarios::measure::Fate;
use chaos_scenarios::workload::Expected;
use compact_str::CompactString;
use proptest::prelude::*;

use super::{ACCEPTED, COMPLETED, FAIL, REJECTED, Seen, UNKNOWN, order, reconcile, record};
use crate::fabricated::state::StateBuilder;
use crate::reconcile::Reconciled;
use crate::record::final_state::{AuditRow, FinalState};
use crate::record::order::OrderRecord;

/// What can be left of an order, what should become of it, which clients may have seen it, and its
/// fate.
type Shape = (&'static str, Expected, &'static [Seen], Fate);

const SHAPES: [Shape; 24] = {
    use Expected::{Completed, Either, Rejected};
    use Fate::{Dead, Fine, Stuck};
    const DONE: &[Seen] = &[COMPLETED, ACCEPTED, UNKNOWN];
    const REFUSED: &[Seen] = &[REJECTED, ACCEPTED, FAIL, UNKNOWN];
    const UNDONE: &[Seen] = &[REJECTED, FAIL, UNKNOWN];
    const OPEN: &[Seen] = &[ACCEPTED, UNKNOWN];
    [
        ("standard COMPLETED consumed charged shipped", Completed, DONE, Fine),
        ("pickup COMPLETED consumed charged", Completed, DONE, Fine),
        ("digital COMPLETED charged granted", Completed, DONE, Fine),
        ("pickup COMPLETED consumed charged", Either, DONE, Fine),
        ("standard REJECTED", Rejected, REFUSED, Fine),
        ("standard REJECTED released", Rejected, REFUSED, Fine),
        ("standard REJECTED released charged refunded", Rejected, REFUSED, Fine),
        ("pickup REJECTED released", Either, REFUSED, Fine),
        ("digital REJECTED", Rejected, REFUSED, Fine),
        ("standard CANCELLED", Completed, UNDONE, Fine),
        ("standard CANCELLED released charged refunded unshipped", Completed, UNDONE, Fine),
        ("pickup CANCELLED released charged refunded", Completed, UNDONE, Fine),
        ("digital CANCELLED charged refunded revoked", Completed, UNDONE, Fine),
        ("", Completed, UNDONE, Fine),
        ("standard ACCEPTED", Completed, OPEN, Stuck),
        ("standard RESERVED reserved", Completed, OPEN, Stuck),
        ("pickup CHARGED reserved charged", Completed, OPEN, Stuck),
        ("standard SHIPPED consumed charged shipped", Completed, OPEN, Stuck),
        ("standard COMPENSATING reserved charged refunded", Completed, OPEN, Stuck),
        ("digital NEEDS_ATTENTION charged", Completed, OPEN, Stuck),
        ("standard CANCELLED reserved owed", Completed, OPEN, Stuck),
        ("standard REJECTED released charged owed", Rejected, OPEN, Stuck),
        ("pickup NEEDS_ATTENTION reserved dead", Completed, OPEN, Dead),
        ("digital CHARGED charged granted dead", Completed, OPEN, Dead),
    ]
};

/// One order of a world.
#[derive(Debug, Clone)]
struct Made {
    shape: Shape,
    seen: Seen,
    price: i64,
    articles: Vec<(String, i64)>,
}

fn any_order() -> impl Strategy<Value = Made> {
    let articles = proptest::sample::subsequence(vec!["SKU-1", "SKU-2", "SKU-3"], 1..=3);
    let quantities = proptest::collection::vec(1_i64..9, 3);
    (0..SHAPES.len(), any::<proptest::sample::Index>(), 1_i64..100_000, articles, quantities)
        .prop_map(|(shape, seen, price, skus, quantities)| {
            let shape = SHAPES[shape];
            let articles = skus.into_iter().map(str::to_owned).zip(quantities).collect();
            Made { shape, seen: shape.2[seen.index(shape.2.len())], price, articles }
        })
}

fn any_world() -> impl Strategy<Value = Vec<Made>> {
    proptest::collection::vec(any_order(), 1..12)
}

fn id(n: usize) -> String {
    format!("order-{n}")
}

fn build(world: &[Made]) -> (Vec<OrderRecord>, FinalState) {
    let mut state = StateBuilder::default();
    let mut orders = Vec::new();
    for (n, made) in world.iter().enumerate() {
        let (words, expect, ..) = made.shape;
        orders.push(order(&id(n), made.seen, expect));
        state.of(made.price, &made.articles).leave(&id(n), words);
    }
    (orders, state.build())
}

fn broken(known: &Reconciled) -> Vec<String> {
    let broken = known.invariants.iter().filter(|it| it.held == Some(false));
    broken.map(|it| format!("{}: {:?}", it.id, it.evidence)).collect()
}

/// What happens to a row.
#[derive(Debug, Clone)]
enum Mutation {
    /// Money or pieces, more or fewer.
    Number(i64),
    /// Another state of its table.
    State(proptest::sample::Index),
    Lost,
    Doubled,
}

fn any_mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (1_i64..1_000).prop_map(Mutation::Number),
        (1_i64..1_000).prop_map(|number| Mutation::Number(-number)),
        any::<proptest::sample::Index>().prop_map(Mutation::State),
        Just(Mutation::Lost),
        Just(Mutation::Doubled),
    ]
}

const ORDER_STATES: [&str; 6] =
    ["ACCEPTED", "CHARGED", "NEEDS_ATTENTION", "COMPLETED", "REJECTED", "CANCELLED"];

/// The row with another number or state; none if it has neither, or the same.
fn changed(row: &AuditRow, mutation: &Mutation) -> Option<AuditRow> {
    let mut other = row.clone();
    match (mutation, &mut other) {
        (
            Mutation::Number(by),
            AuditRow::Orders { amount: Some(number), .. }
            | AuditRow::Ledger { amount: number, .. }
            | AuditRow::Reservations { quantity: number, .. },
        ) => *number += by,
        (Mutation::State(pick), other) => {
            let (state, names): (&mut CompactString, &[&str]) = match other {
                AuditRow::Orders { state, .. } => (state, &ORDER_STATES),
                AuditRow::Reservations { state, .. } => {
                    (state, &["RESERVED", "CONSUMED", "RELEASED"])
                }
                AuditRow::Shipments { state, .. } => (state, &["ACTIVE", "CANCELLED"]),
                AuditRow::Grants { state, .. } => (state, &["ACTIVE", "REVOKED"]),
                _ => return None,
            };
            *state = names[pick.index(names.len())].into();
        }
        _ => return None,
    }
    (other != *row).then_some(other)
}

/// Whether the order that a mutation leaves is as clean as before. That is so only where
///
/// - a row is changed or lost that holds nothing any more: stock that was released, a parcel that
///   was cancelled, a right that was revoked, the price of an order that was undone;
/// - an order is lost of which nothing is left and nobody was promised anything;
/// - an order ends in another way that is as right for what is left of it and for its client;
/// - the one thing that was still to be undone is no longer there.
fn is_harmless(made: &Made, row: &AuditRow, mutation: &Mutation) -> bool {
    let (words, expect, _, fate) = made.shape;
    // An order that waits is told of whatever happens to its rows.
    let unnoticed = fate == Fate::Fine;
    let promised = matches!(made.seen, COMPLETED | ACCEPTED);
    let undone = !["reserved", "consumed", "shipped", "granted"]
        .iter()
        .any(|effect| words.split(' ').any(|word| word == *effect))
        && words.contains("charged") == words.contains("refunded");
    match (row, mutation) {
        (AuditRow::Reservations { state, .. }, Mutation::Number(_) | Mutation::Lost) => {
            unnoticed && state == "RELEASED"
        }
        (AuditRow::Shipments { state, .. } | AuditRow::Grants { state, .. }, Mutation::Lost) => {
            unnoticed && state != "ACTIVE"
        }
        (AuditRow::Orders { state, .. }, Mutation::Number(_)) => {
            unnoticed && undone && matches!(state.as_str(), "REJECTED" | "CANCELLED")
        }
        (AuditRow::Ledger { amount, .. }, Mutation::Lost | Mutation::Number(_)) => {
            let rest = match changed(row, mutation) {
                Some(AuditRow::Ledger { amount, .. }) => amount,
                _ => 0,
            };
            words.ends_with("charged owed") && *amount != 0 && rest == 0
        }
        (AuditRow::Orders { .. }, Mutation::Lost) => undone && !promised,
        (AuditRow::Orders { .. }, Mutation::State(_)) => match changed(row, mutation) {
            Some(AuditRow::Orders { state, .. }) if state == "CANCELLED" => undone && !promised,
            Some(AuditRow::Orders { state, .. }) if state == "REJECTED" => {
                undone && expect != Expected::Completed
            }
            Some(AuditRow::Orders { state, .. }) if state == "COMPLETED" => {
                words == "standard SHIPPED consumed charged shipped"
                    || words == "digital CHARGED charged granted dead"
            }
            _ => false,
        },
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_clean_world_gives_no_finding(world in any_world()) {
        let (orders, state) = build(&world);
        let known = reconcile(&record(), &orders, &state).expect("there are orders");
        prop_assert_eq!(broken(&known), Vec::<String>::new());
        for (made, judged) in world.iter().zip(&known.orders) {
            prop_assert_eq!(judged.fate, Some(made.shape.3), "{:?}", made);
        }
    }

    #[test]
    fn a_row_that_is_changed_lost_or_doubled_is_found(
        world in any_world(),
        which in any::<proptest::sample::Index>(),
        mutation in any_mutation(),
    ) {
        let (orders, mut state) = build(&world);
        let places: Vec<usize> =
            (0..state.rows.len()).filter(|place| state.rows[*place].row.order().is_some()).collect();
        prop_assume!(!places.is_empty());
        let place = places[which.index(places.len())];
        let row = state.rows[place].clone();
        match &mutation {
            Mutation::Lost => drop(state.rows.remove(place)),
            Mutation::Doubled => state.rows.push(row.clone()),
            Mutation::Number(_) | Mutation::State(_) => {
                let other = changed(&row.row, &mutation);
                prop_assume!(other.is_some());
                state.rows[place].row = other.expect("assumed");
            }
        }
        let known = reconcile(&record(), &orders, &state).expect("there are orders");
        let n = (0..world.len()).find(|n| Some(id(*n).as_str()) == row.row.order());
        let n = n.expect("an order of the world");
        let found = known.orders[n].fate != Some(Fate::Fine) || !broken(&known).is_empty();
        let harmless = is_harmless(&world[n], &row.row, &mutation);
        prop_assert_ne!(
            found, harmless,
            "{:?} of {:?} in {:?}: {:?} {:?}",
            mutation, row.row, world[n], known.orders[n].fate, broken(&known)
        );
    }
}
