//! What the application did for one order: stock set aside, money moved, goods handed over.

use crate::record::final_state::{AuditRow, SourcedRow};

/// Which steps an order goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reserve, charge, ship.
    Standard,
    /// Reserve, charge.
    Pickup,
    /// Charge, grant.
    Digital,
    /// Steps that are not known: only second effects and what is left behind can be judged.
    Unknown,
}

impl Kind {
    pub(super) fn of(name: Option<&str>) -> Self {
        match name {
            Some("standard") => Self::Standard,
            Some("pickup") => Self::Pickup,
            Some("digital") => Self::Digital,
            _ => Self::Unknown,
        }
    }

    fn reserves(self) -> bool {
        matches!(self, Self::Standard | Self::Pickup)
    }

    fn ships(self) -> bool {
        self == Self::Standard
    }

    fn grants(self) -> bool {
        self == Self::Digital
    }
}

/// The effects of one order, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Effects {
    /// Reservations that still hold stock.
    pub(super) reserved: u32,
    /// Reservations whose stock was taken for good.
    pub(super) consumed: u32,
    /// An article was set aside a second time.
    pub(super) reserved_twice: bool,
    /// Bookings above 0.
    pub(super) charges: u32,
    /// Bookings below 0.
    pub(super) refunds: u32,
    /// Charged less refunded, cents.
    pub(super) net: i128,
    /// Parcels, whatever became of them.
    pub(super) shipments: u32,
    /// Parcels on their way.
    pub(super) shipments_active: u32,
    /// Rights, whatever became of them.
    pub(super) grants: u32,
    /// Rights that hold.
    pub(super) grants_active: u32,
}

impl Effects {
    /// The effects among an order's rows.
    pub(super) fn of(rows: &[&SourcedRow]) -> Self {
        let mut effects = Self::default();
        let mut skus: Vec<&str> = Vec::new();
        for row in rows {
            match &row.row {
                AuditRow::Reservations { sku, state, .. } => {
                    effects.reserved_twice |= skus.contains(&sku.as_str());
                    skus.push(sku);
                    effects.reserved += u32::from(state == "RESERVED");
                    effects.consumed += u32::from(state == "CONSUMED");
                }
                AuditRow::Ledger { amount, .. } => {
                    effects.charges += u32::from(*amount > 0);
                    effects.refunds += u32::from(*amount < 0);
                    effects.net += i128::from(*amount);
                }
                AuditRow::Shipments { state, .. } => {
                    effects.shipments += 1;
                    effects.shipments_active += u32::from(state == "ACTIVE");
                }
                AuditRow::Grants { state, .. } => {
                    effects.grants += 1;
                    effects.grants_active += u32::from(state == "ACTIVE");
                }
                _ => {}
            }
        }
        effects
    }

    /// What happened a second time, if anything did.
    pub(super) fn second(&self) -> Option<&'static str> {
        match () {
            () if self.charges > 1 => Some("charged more than once"),
            () if self.reserved_twice => Some("stock set aside more than once"),
            () if self.shipments > 1 => Some("shipped more than once"),
            () if self.grants > 1 => Some("granted more than once"),
            () if self.refunds > 1 => Some("refunded more than once"),
            () => None,
        }
    }

    /// Whether nothing is left of it.
    pub(super) fn undone(&self) -> bool {
        self.holds_nothing() && self.net == 0
    }

    fn holds_nothing(&self) -> bool {
        self.reserved + self.consumed + self.shipments_active + self.grants_active == 0
    }

    /// Whether every step was done and settled.
    pub(super) fn complete(&self, kind: Kind, amount: Option<i64>) -> bool {
        kind == Kind::Unknown || (self.all_steps(kind, amount) && self.reserved == 0)
    }

    /// Whether every step was done and only the stock is still set aside instead of taken.
    pub(super) fn unsettled(&self, kind: Kind, amount: Option<i64>) -> bool {
        kind != Kind::Unknown && self.all_steps(kind, amount) && self.reserved > 0
    }

    fn all_steps(&self, kind: Kind, amount: Option<i64>) -> bool {
        (self.reserved + self.consumed > 0) == kind.reserves()
            && self.paid(amount)
            && (self.shipments_active > 0) == kind.ships()
            && (self.grants_active > 0) == kind.grants()
    }

    fn paid(&self, amount: Option<i64>) -> bool {
        amount.map_or(self.net > 0, |amount| self.net == i128::from(amount))
    }

    /// Whether the effects are those of the first steps, none skipped: an order that stopped there
    /// can be taken up again, or undone.
    pub(super) fn is_prefix(&self, kind: Kind, amount: Option<i64>) -> bool {
        if kind == Kind::Unknown {
            return true;
        }
        let reserved = self.reserved + self.consumed > 0;
        let charged = self.net != 0;
        let handed_over = self.shipments_active + self.grants_active > 0;
        let in_order = (!charged || reserved || !kind.reserves())
            && (!handed_over || charged || amount == Some(0))
            && (self.consumed == 0 || charged || amount == Some(0));
        in_order && self.is_part(kind, amount)
    }

    /// Whether every effect is one of this kind of order, whole: what is left while steps are
    /// undone one by one, of which some could not be.
    pub(super) fn is_part(&self, kind: Kind, amount: Option<i64>) -> bool {
        let reserved = self.reserved + self.consumed > 0;
        let foreign = (reserved && !kind.reserves())
            || (self.shipments_active > 0 && !kind.ships())
            || (self.grants_active > 0 && !kind.grants());
        kind == Kind::Unknown || (!foreign && (self.net == 0 || self.paid(amount)))
    }

    /// The effects in words, for evidence.
    pub(super) fn words(&self) -> String {
        let parts: Vec<String> = [
            (self.reserved, "reserved"),
            (self.consumed, "consumed"),
            (self.charges, "charged"),
            (self.refunds, "refunded"),
            (self.shipments_active, "shipped"),
            (self.grants_active, "granted"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| if count == 1 { word.to_owned() } else { format!("{word} × {count}") })
        .collect();
        if parts.is_empty() { "no effect".to_owned() } else { parts.join(", ") }
    }
}
