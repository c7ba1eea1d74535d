//! The final state, order by order.

use std::collections::HashMap;

use chaos_scenarios::target::AuditTable;
use chaos_scenarios::workload::Expected;

use crate::record::final_state::{AuditRow, FinalState, SourcedRow};

use super::effects::{Effects, Kind};
use super::fate::Found;

/// What the target holds of one order.
#[derive(Debug, Clone)]
pub(super) struct KnownOrder<'a> {
    pub(super) id: &'a str,
    /// Every row that speaks of it, in the order read.
    pub(super) rows: Vec<&'a SourcedRow>,
}

/// Where an order stands, by the name of its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Completed,
    Rejected,
    Cancelled,
    /// On the way, or `NEEDS_ATTENTION`: it is not final, whatever its name.
    Open,
}

/// All orders that any row speaks of.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    places: HashMap<&'a str, usize>,
    /// In the order in which they are first spoken of.
    pub(super) orders: Vec<KnownOrder<'a>>,
    /// Articles.
    pub(super) stock: Vec<&'a AuditRow>,
    /// Whether the target tells effects at all: it tells all of them, or just states.
    pub(super) effects: bool,
}

impl<'a> Known<'a> {
    pub(super) fn of(state: &'a FinalState) -> Self {
        let mut known = Self::default();
        for row in state.last_word() {
            known.effects |= is_effect(row.row.table());
            match row.row.order() {
                Some(id) => known.place(id).rows.push(row),
                None if row.row.table() == AuditTable::Stock => known.stock.push(&row.row),
                None => {}
            }
        }
        known
    }

    pub(super) fn order(&self, id: &str) -> Option<&KnownOrder<'a>> {
        self.places.get(id).map(|place| &self.orders[*place])
    }

    fn place(&mut self, id: &'a str) -> &mut KnownOrder<'a> {
        let orders = &mut self.orders;
        let place = *self.places.entry(id).or_insert_with(|| {
            orders.push(KnownOrder { id, rows: Vec::new() });
            orders.len() - 1
        });
        &mut self.orders[place]
    }
}

/// Whether a table tells what was done for orders: not only how they stand, or how they got there.
const fn is_effect(table: AuditTable) -> bool {
    match table {
        AuditTable::Stock
        | AuditTable::Reservations
        | AuditTable::Ledger
        | AuditTable::Shipments
        | AuditTable::Grants => true,
        AuditTable::Orders
        | AuditTable::Dead
        | AuditTable::Steps
        | AuditTable::Pipelines
        | AuditTable::PipelineLog
        | AuditTable::Todos
        | AuditTable::Messages => false,
    }
}

impl KnownOrder<'_> {
    /// Rows of the table of orders: one, if all is well.
    pub(super) fn stored(&self) -> impl Iterator<Item = &AuditRow> {
        let rows = self.rows.iter().map(|row| &row.row);
        rows.filter(|row| matches!(row, AuditRow::Orders { .. }))
    }

    /// Where it stands; none if the table of orders does not have it.
    pub(super) fn state(&self) -> Option<State> {
        self.stored().find_map(|row| match row {
            AuditRow::Orders { state, .. } => Some(State::of(state)),
            _ => None,
        })
    }

    /// The name of its state as told.
    pub(super) fn state_name(&self) -> &str {
        let name = self.stored().find_map(|row| match row {
            AuditRow::Orders { state, .. } => Some(state.as_str()),
            _ => None,
        });
        name.unwrap_or("absent")
    }

    /// Its kind, as the target tells it.
    pub(super) fn kind(&self) -> Option<&str> {
        self.stored().find_map(|row| match row {
            AuditRow::Orders { kind, .. } => kind.as_deref(),
            _ => None,
        })
    }

    /// Its price in cents.
    pub(super) fn amount(&self) -> Option<i64> {
        self.stored().find_map(|row| match row {
            AuditRow::Orders { amount, .. } => *amount,
            _ => None,
        })
    }

    /// Why it was refused.
    pub(super) fn reason(&self) -> Option<&str> {
        self.stored().find_map(|row| match row {
            AuditRow::Orders { reason, .. } => reason.as_deref(),
            _ => None,
        })
    }

    /// The number of its last change.
    pub(super) fn version(&self) -> Option<i64> {
        self.stored().find_map(|row| match row {
            AuditRow::Orders { version, .. } => *version,
            _ => None,
        })
    }

    /// When it was stored, wall clock in microseconds.
    pub(super) fn accepted_at(&self) -> Option<i64> {
        self.stored().find_map(|row| match row {
            AuditRow::Orders { accepted_at, .. } => *accepted_at,
            _ => None,
        })
    }

    /// When it became final, wall clock in microseconds.
    pub(super) fn terminal_at(&self) -> Option<i64> {
        self.stored().find_map(|row| match row {
            AuditRow::Orders { terminal_at, .. } => *terminal_at,
            _ => None,
        })
    }

    /// Whether a message of it was given up.
    pub(super) fn dead(&self) -> bool {
        self.is_told_in(AuditTable::Dead)
    }

    /// Whether something of it is still to be undone, and will be tried again.
    pub(super) fn owed(&self) -> bool {
        self.is_told_in(AuditTable::Todos)
    }

    /// Whether any stock was ever set aside for it.
    pub(super) fn has_reservations(&self) -> bool {
        self.is_told_in(AuditTable::Reservations)
    }

    fn is_told_in(&self, table: AuditTable) -> bool {
        self.rows.iter().any(|row| row.row.table() == table)
    }

    pub(super) fn effects(&self) -> Effects {
        Effects::of(&self.rows)
    }
}

impl State {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "COMPLETED" => Self::Completed,
            "REJECTED" => Self::Rejected,
            "CANCELLED" => Self::Cancelled,
            _ => Self::Open,
        }
    }
}

/// What is needed to say what was found of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Whether effects are judged, or just states.
    pub(super) effects: bool,
    /// Whether the drain was given up with work left.
    pub(super) undrained: bool,
}

/// What is there of an order in the end; none of `order` means that no row speaks of it.
pub(super) fn found(
    order: Option<&KnownOrder<'_>>,
    kind: Option<&str>,
    expect: Option<Expected>,
    rules: Rules,
) -> Found {
    let Some(order) = order else { return Found::Absent };
    let kind = Kind::of(order.kind().or(kind));
    let effects = if rules.effects { order.effects() } else { Effects::default() };
    let undone = !rules.effects || effects.undone();
    let complete = !rules.effects || effects.complete(kind, order.amount());
    match order.state() {
        None if undone => return Found::Absent,
        None => return Found::Misfit,
        Some(State::Completed) if complete => return as_expected(expect, true),
        Some(State::Rejected) if undone => return as_expected(expect, false),
        Some(State::Cancelled) if undone => return Found::Cancelled,
        Some(_) => {}
    }
    let (owed, open) = (order.owed(), order.state() == Some(State::Open));
    // A completed order whose stock is still set aside has one step to go.
    let unsettled = (rules.undrained || owed)
        && order.state() == Some(State::Completed)
        && effects.unsettled(kind, order.amount());
    // Undone, but for what could not be undone yet.
    let undoing = owed && order.state() != Some(State::Completed);
    let fits = effects.is_prefix(kind, order.amount())
        || (undoing && effects.is_part(kind, order.amount()));
    if rules.effects && !fits {
        Found::Misfit
    } else if order.dead() {
        Found::Dead
    } else if open || unsettled || undoing {
        Found::NotFinal
    } else {
        Found::Misfit
    }
}

fn as_expected(expect: Option<Expected>, completed: bool) -> Found {
    match (expect, completed) {
        (Some(Expected::Rejected), true) | (Some(Expected::Completed), false) => {
            Found::Unexpected { completed }
        }
        (_, true) => Found::Completed,
        (_, false) => Found::Rejected,
    }
}
