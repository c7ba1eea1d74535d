//! The steps that an order goes through, by kind: data that every architecture reads, so that the
//! way of an order is written down once.

use serde::{Deserialize, Serialize};

use super::order::Kind;
use crate::role::Role;

/// One step of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    /// Set the goods aside.
    Reserve,
    /// Take the amount.
    Charge,
    /// Send a parcel.
    Ship,
    /// Grant access to digital goods.
    Grant,
    /// Take the goods that were set aside out of the stock for good.
    Consume,
    /// Tell the customer how it ended.
    Notify,
}

impl Step {
    /// Every step there is.
    pub(crate) const ALL: [Self; 6] =
        [Self::Reserve, Self::Charge, Self::Ship, Self::Grant, Self::Consume, Self::Notify];

    /// The name in paths, tables and audits.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Charge => "charge",
            Self::Ship => "ship",
            Self::Grant => "grant",
            Self::Consume => "consume",
            Self::Notify => "notify",
        }
    }

    /// The step of a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// The service that does it.
    pub(crate) fn owner(self) -> Role {
        match self {
            Self::Reserve | Self::Consume => Role::Inventory,
            Self::Charge => Role::Payments,
            Self::Ship | Self::Grant => Role::Shipping,
            Self::Notify => Role::Notify,
        }
    }

    /// Whether it only finishes what can no longer be refused: there is no way back through it,
    /// and when it fails it is tried until it goes well.
    pub(crate) fn is_finishing(self) -> bool {
        matches!(self, Self::Consume | Self::Notify)
    }
}

/// Which way a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    /// It is done.
    Forward,
    /// It is undone.
    Compensate,
}

impl Direction {
    /// The name in logs, tables and audits.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Compensate => "compensate",
        }
    }
}

impl Kind {
    /// The steps of an order of this kind, in turn. Whether the last one is done decides the
    /// order; `finishing` follows.
    pub(crate) fn steps(self) -> &'static [Step] {
        match self {
            Self::Standard => &[Step::Reserve, Step::Charge, Step::Ship],
            Self::Pickup => &[Step::Reserve, Step::Charge],
            Self::Digital => &[Step::Charge, Step::Grant],
        }
    }

    /// What follows once all steps are done, apart from telling the customer.
    pub(crate) fn finishing(self) -> &'static [Step] {
        if self.needs_stock() { &[Step::Consume] } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::Step;
    use crate::domain::order::Kind;

    #[test]
    fn names_are_read_back_and_every_kind_ends_with_steps_that_cannot_be_refused() {
        for step in Step::ALL {
            assert_eq!(Step::parse(step.name()), Some(step));
            assert_eq!(serde_json::to_value(step).unwrap(), step.name());
        }
        assert_eq!(Step::parse("Reserve"), None);
        for kind in Kind::ALL {
            assert!(kind.steps().iter().all(|step| !step.is_finishing()));
            assert!(kind.finishing().iter().all(|step| step.is_finishing()));
        }
    }
}
