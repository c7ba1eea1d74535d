//! What must be true of the final state as a whole, whatever became of single orders.
//!
//! Orders that are dead-lettered or stuck, with the effects of their first steps, are left out of
//! what only finished orders can fulfil: they are counted apart.

use std::collections::{HashMap, HashSet};

use crate::judge::InvariantResult;
use crate::record::final_state::AuditRow;
use crate::record::run_record::RunRecord;

use super::effects::{Effects, Kind};
use super::fate::{Found, Seen};
use super::known::{Known, KnownOrder, Rules, State};
use super::{Case, hot, known, versions};

/// Most lines of evidence for one invariant.
const MOST: usize = 20;

const TEXTS: [(&str, &str); 13] = [
    ("I1", "an acknowledged order exists"),
    ("I2", "no order exists without an attempt"),
    ("I3", "a definitely refused order has no effect"),
    ("I4", "every order is final after the drain"),
    (
        "I5",
        "per article: initial = available + reserved + consumed, available ≥ 0, consumed = what orders took",
    ),
    ("I6", "nothing is reserved after the drain"),
    ("I7", "per order: charges − refunds = its price if completed, else 0"),
    ("I8", "per order: at most one charge, reservation per article, shipment and grant"),
    ("I9", "a completed standard order has one active shipment, a rejected or cancelled one none"),
    ("I10", "an order's final state is the expected one, or cancelled with nothing left of it"),
    ("I11", "what clients were told stays: versions never go back, final states are never left"),
    ("I12", "no more of HOT-1 is given out than there was, and none is refused while it is free"),
    ("I13", "all bookings together = the prices of all completed orders"),
];

/// What the invariants are checked on.
struct Scene<'a> {
    record: &'a RunRecord,
    cases: &'a [&'a Case<'a>],
    known: &'a Known<'a>,
    rules: Rules,
    /// Ids of orders that are dead-lettered or stuck with the effects of their first steps.
    waiting: HashSet<&'a str>,
}

/// Violations, or why it cannot be judged.
type Check = Result<Vec<String>, &'static str>;

/// Checks every invariant.
pub(super) fn check(
    record: &RunRecord,
    cases: &[&Case<'_>],
    known: &Known<'_>,
    rules: Rules,
    unread: Option<&str>,
) -> Vec<InvariantResult> {
    if let Some(reason) = unread {
        let unknown = |(id, text): (&str, &str)| result(id, text, None, vec![reason.to_owned()]);
        return TEXTS.into_iter().map(unknown).collect();
    }
    let waiting = waiting(record, cases, known, rules);
    let scene = Scene { record, cases, known, rules, waiting };
    TEXTS.into_iter().map(|(id, text)| scene.judge(id, text)).collect()
}

/// Orders that wait, among those of the ledger and the harness's own.
fn waiting<'a>(
    record: &RunRecord,
    cases: &[&Case<'a>],
    known: &'a Known<'a>,
    rules: Rules,
) -> HashSet<&'a str> {
    let ledgered = cases
        .iter()
        .filter(|case| matches!(case.found, Found::Dead | Found::NotFinal))
        .map(|case| case.order.id.as_str());
    let own =
        known.orders.iter().filter(|order| record.canaries.contains(order.id)).filter(|order| {
            let found = known::found(Some(order), None, None, rules);
            matches!(found, Found::Dead | Found::NotFinal)
        });
    ledgered.chain(own.map(|order| order.id)).collect()
}

pub(super) fn result(
    id: &str,
    text: &str,
    held: Option<bool>,
    evidence: Vec<String>,
) -> InvariantResult {
    InvariantResult { id: id.to_owned(), text: text.to_owned(), held, evidence }
}

impl<'a> Scene<'a> {
    fn judge(&self, id: &str, text: &str) -> InvariantResult {
        let violations = match id {
            "I1" => Ok(self.acknowledged_exists()),
            "I2" => self.attempted(),
            "I3" => Ok(self.refused_without_effect()),
            "I4" => Ok(self.all_final()),
            "I10" => Ok(self.as_expected()),
            "I11" => self.told_stays(),
            _ if !self.rules.effects => Err("the target tells states only, no effects"),
            "I5" => Ok(self.stock_conserved()),
            "I6" => Ok(self.nothing_reserved()),
            "I7" => Ok(self.paid_exactly()),
            "I8" => Ok(self.effects_once()),
            "I9" => Ok(self.shipments_fit()),
            "I12" => hot::violations(self.cases, self.known),
            _ => Ok(self.money_conserved()),
        };
        match violations {
            Err(reason) => result(id, text, None, vec![reason.to_owned()]),
            Ok(lines) => result(id, text, Some(lines.is_empty()), shortened(lines)),
        }
    }

    fn acknowledged_exists(&self) -> Vec<String> {
        self.violating(|case| {
            let missing = case.known.is_none_or(|known| known.state().is_none());
            (case.seen.promised() && missing)
                .then(|| format!("{} was {} and is absent", case.order.id, case.seen.words()))
        })
    }

    fn attempted(&self) -> Check {
        if self.record.load_ended.is_none() {
            return Err("the ledger may lack its end: the load was not stopped in good order");
        }
        let sent: HashSet<&str> = self.cases.iter().map(|case| case.order.id.as_str()).collect();
        let strange =
            self.known.orders.iter().filter(|order| {
                !self.record.canaries.contains(order.id) && !sent.contains(order.id)
            });
        Ok(strange
            .map(|order| format!("{} is {}, never sent", order.id, order.state_name()))
            .collect())
    }

    fn refused_without_effect(&self) -> Vec<String> {
        self.violating(|case| {
            let harmless = matches!(case.found, Found::Absent | Found::Rejected | Found::Cancelled)
                || case.found == (Found::Unexpected { completed: false });
            (case.seen == Seen::Fail && !harmless).then(|| {
                format!(
                    "{} was refused with status {} and is {}",
                    case.order.id,
                    status(case),
                    state(case)
                )
            })
        })
    }

    fn all_final(&self) -> Vec<String> {
        let open = self.orders().filter(|order| order.state() == Some(State::Open));
        open.map(|order| format!("{} is {}", order.id, order.state_name())).collect()
    }

    /// What an article lost must be what orders took, where the target tells who took what.
    fn stock_conserved(&self) -> Vec<String> {
        let mut taken: HashMap<&str, i128> = HashMap::new();
        for order in &self.known.orders {
            for (sku, quantity) in reservations(order, "CONSUMED") {
                *taken.entry(sku).or_default() += i128::from(quantity);
            }
        }
        let told = self.known.orders.iter().any(KnownOrder::has_reservations);
        let violating = self.known.stock.iter().filter_map(|row| match row {
            AuditRow::Stock { sku, initial, available, reserved, consumed } => {
                let sum = i128::from(*available) + i128::from(*reserved) + i128::from(*consumed);
                let taken = taken.get(sku.as_str()).copied().unwrap_or(0);
                if sum != i128::from(*initial) || *available < 0 {
                    return Some(format!("{sku}: {initial} ≠ {available} available + {reserved} reserved + {consumed} consumed"));
                }
                (told && taken != i128::from(*consumed))
                    .then(|| format!("{sku}: {consumed} consumed, but orders took {taken}"))
            }
            _ => None,
        });
        violating.collect()
    }

    /// Per article: what is set aside less what waiting orders set aside.
    fn nothing_reserved(&self) -> Vec<String> {
        let mut set_aside: HashMap<&str, i128> = HashMap::new();
        let mut lines = Vec::new();
        for order in &self.known.orders {
            for (sku, quantity) in reservations(order, "RESERVED") {
                if self.waiting.contains(order.id) {
                    *set_aside.entry(sku).or_default() += i128::from(quantity);
                } else {
                    lines.push(format!("{}: {quantity} of {sku} still reserved", order.id));
                }
            }
        }
        if lines.is_empty() {
            let rest = self.known.stock.iter().filter_map(|row| match row {
                AuditRow::Stock { sku, reserved, .. } => {
                    let waiting = set_aside.get(sku.as_str()).copied().unwrap_or(0);
                    (i128::from(*reserved) != waiting).then(|| {
                        format!("{sku}: {reserved} reserved, {waiting} by orders that wait")
                    })
                }
                _ => None,
            });
            lines.extend(rest);
        }
        lines
    }

    fn paid_exactly(&self) -> Vec<String> {
        let violating = self.orders().filter_map(|order| {
            let net = order.effects().net;
            let price = i128::from(order.amount()?);
            let due = if order.state() == Some(State::Completed) { price } else { 0 };
            (net != due)
                .then(|| format!("{} ({}): {net} booked, {due} due", order.id, order.state_name()))
        });
        violating.collect()
    }

    fn effects_once(&self) -> Vec<String> {
        let orders = self.known.orders.iter();
        let violating = orders.filter_map(|order| Some((order, order.effects().second()?)));
        violating.map(|(order, second)| format!("{}: {second}", order.id)).collect()
    }

    fn shipments_fit(&self) -> Vec<String> {
        let violating = self.orders().filter_map(|order| {
            let Effects { shipments_active: active, .. } = order.effects();
            let fits = match order.state()? {
                State::Completed if Kind::of(order.kind()) == Kind::Standard => active == 1,
                State::Rejected | State::Cancelled => active == 0,
                State::Completed | State::Open => true,
            };
            (!fits).then(|| {
                format!("{} ({}): {active} active shipments", order.id, order.state_name())
            })
        });
        violating.collect()
    }

    fn as_expected(&self) -> Vec<String> {
        self.violating(|case| {
            let state = case.known.and_then(KnownOrder::state)?;
            let fits = matches!(case.found, Found::Completed | Found::Rejected | Found::Cancelled);
            let waits = self.waiting.contains(case.order.id.as_str());
            (!fits && !waits && state != State::Open)
                .then(|| format!("{} is {}", case.order.id, case.found.words()))
        })
    }

    fn told_stays(&self) -> Check {
        let told = |case: &Case<'_>| case.seen == Seen::Completed || !case.order.polls.is_empty();
        if !self.cases.iter().any(|case| told(case)) {
            return Err("no client was told how an order stands before the end");
        }
        Ok(self.violating(|case| {
            let completed = case.known.and_then(KnownOrder::state) == Some(State::Completed);
            if case.seen == Seen::Completed && !completed {
                let state = state(case);
                return Some(format!("{} was reported as completed and is {state}", case.order.id));
            }
            versions::violation(case)
        }))
    }

    fn money_conserved(&self) -> Vec<String> {
        let orders = self.known.orders.iter().filter(|order| !self.waiting.contains(order.id));
        let (mut booked, mut due) = (0_i128, 0_i128);
        for order in orders {
            booked += order.effects().net;
            if order.state() == Some(State::Completed) {
                due += order.amount().map_or(order.effects().net, i128::from);
            }
        }
        if booked == due { Vec::new() } else { vec![format!("{booked} booked, {due} due")] }
    }

    /// Orders that do not wait.
    fn orders(&self) -> impl Iterator<Item = &KnownOrder<'a>> {
        self.known.orders.iter().filter(|order| !self.waiting.contains(order.id))
    }

    fn violating(&self, line: impl Fn(&Case<'_>) -> Option<String>) -> Vec<String> {
        self.cases.iter().filter_map(|case| line(case)).collect()
    }
}

fn reservations<'a>(
    order: &'a KnownOrder<'_>,
    wanted: &'a str,
) -> impl Iterator<Item = (&'a str, i64)> {
    order.rows.iter().filter_map(move |row| match &row.row {
        AuditRow::Reservations { sku, quantity, state, .. } if state == wanted => {
            Some((sku.as_str(), *quantity))
        }
        _ => None,
    })
}

fn status(case: &Case<'_>) -> String {
    case.order.status.map_or_else(|| "none".to_owned(), |status| status.to_string())
}

fn state<'a>(case: &'a Case<'_>) -> &'a str {
    case.known.map_or("absent", KnownOrder::state_name)
}

/// Evidence is cut, and says so.
pub(super) fn shortened(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST - 1);
    if lines.len() > MOST {
        lines.truncate(MOST - 1);
        lines.push(format!("… and {more} more"));
    }
    lines
}
