//! The states of an order, and which event may move it where.
//!
//! Retries break the order of messages, so each event names the states that it may start from:
//! an event that comes late finds its order further on and changes nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::event::EventName;
use super::order::Kind;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Stored; nothing done yet.
    Accepted,
    /// Its goods are set aside.
    Reserved,
    /// Its amount has been taken.
    Charged,
    /// A step was refused; what had been done is being undone.
    Compensating,
    /// Neither forward nor back for now: somebody has to look at it.
    NeedsAttention,
    /// All steps done. Final.
    Completed,
    /// Refused for a reason of the business, with nothing left done. Final.
    Rejected,
    /// Given up because parts of the system failed, with nothing left done. Final.
    Cancelled,
}

impl State {
    /// Every state there is, in the order in which an order may pass through them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Reserved,
        Self::Charged,
        Self::Compensating,
        Self::NeedsAttention,
        Self::Completed,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// The name in answers, tables and audits.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Reserved => "RESERVED",
            Self::Charged => "CHARGED",
            Self::Compensating => "COMPENSATING",
            Self::NeedsAttention => "NEEDS_ATTENTION",
            Self::Completed => "COMPLETED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The state of a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether nothing follows.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Rejected | Self::Cancelled)
    }

    /// Where `event` takes an order of this kind, or nothing where the orders do not care.
    pub(crate) fn after(event: EventName, kind: Kind) -> Option<Self> {
        Some(match (event, kind) {
            (EventName::StockReserved, _) => Self::Reserved,
            (EventName::PaymentCaptured, Kind::Pickup)
            | (EventName::ShipmentCreated | EventName::GrantCreated, _) => Self::Completed,
            (EventName::PaymentCaptured, Kind::Standard | Kind::Digital) => Self::Charged,
            (EventName::PaymentDeclined, Kind::Standard | Kind::Pickup)
            | (EventName::ShipmentRefused, _) => Self::Compensating,
            (EventName::PaymentDeclined, Kind::Digital)
            | (EventName::StockRefused | EventName::StockReleased, _) => Self::Rejected,
            (
                EventName::OrderCreated
                | EventName::OrderCompleted
                | EventName::OrderRejected
                | EventName::PaymentRefunded,
                _,
            ) => return None,
        })
    }

    /// The states from which an order may be moved here: all that come earlier and are not final.
    pub(crate) fn may_start_from(self) -> Vec<&'static str> {
        let open = Self::ALL.into_iter().filter(|state| !state.is_final());
        open.filter(|state| *state < self).map(Self::name).collect()
    }
}

/// Why the business refused an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// Too few pieces are free.
    OutOfStock,
    /// The card was declined.
    Declined,
    /// The address cannot be delivered to.
    Undeliverable,
}

impl Reason {
    const ALL: [Self; 3] = [Self::OutOfStock, Self::Declined, Self::Undeliverable];

    /// The reason of a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The name in answers, tables and audits.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OutOfStock => "out_of_stock",
            Self::Declined => "declined",
            Self::Undeliverable => "undeliverable",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

    use super::State;
    use crate::domain::event::EventName;
    use crate::domain::order::Kind;

    /// Applies an event as the orders table does.
    fn apply(state: State, event: EventName, kind: Kind) -> State {
        match State::after(event, kind) {
            Some(next) if next.may_start_from().contains(&state.name()) => next,
            _ => state,
        }
    }

    #[test]
    fn names_are_read_back_and_no_final_state_is_left() {
        for state in State::ALL {
            assert_eq!(State::parse(state.name()), Some(state));
            let from = state.may_start_from();
            assert!(from.iter().all(|name| !State::parse(name).unwrap().is_final()));
        }
        assert_eq!(State::Charged.may_start_from(), ["ACCEPTED", "RESERVED"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn an_order_never_goes_back_and_never_leaves_a_final_state(
            picks in proptest::collection::vec(any::<proptest::sample::Index>(), 1..40),
            kind in any::<proptest::sample::Index>(),
        ) {
            let kind = Kind::ALL[kind.index(Kind::ALL.len())];
            let mut state = State::Accepted;
            for pick in picks {
                let event = EventName::ALL[pick.index(EventName::ALL.len())];
                let next = apply(state, event, kind);
                prop_assert!(next >= state);
                if state.is_final() {
                    prop_assert_eq!(next, state);
                }
                state = next;
            }
        }

        #[test]
        fn a_whole_flow_ends_the_same_in_every_order_of_arrival_and_with_repeats(
            shuffle in proptest::collection::vec(any::<proptest::sample::Index>(), 12),
        ) {
            let flow = [EventName::StockReserved, EventName::PaymentCaptured, EventName::ShipmentCreated];
            let mut events: Vec<EventName> = flow.into_iter().cycle().take(12).collect();
            for (position, pick) in shuffle.iter().enumerate() {
                events.swap(position, pick.index(12));
            }
            let end = events.into_iter().fold(State::Accepted, |state, event| {
                apply(state, event, Kind::Standard)
            });
            prop_assert_eq!(end, State::Completed);
        }
    }
}
