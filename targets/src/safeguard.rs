//! The protections against faults, each with one switch and asked at exactly one place.
//!
//! With a safeguard off the application does what an application without it does: nothing is
//! simulated. The modes are named sets of switches.

use std::fmt;

/// One protection that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Safeguard {
    /// A repeated order id is answered from the stored order instead of being processed again.
    Idempotency = 1,
    /// Events are stored with the change they tell of, and published from there.
    Outbox = 1 << 1,
    /// A message counts as published only when the broker has confirmed it.
    Confirms = 1 << 2,
    /// The id of a handled message is stored with its effect, so that it is handled once.
    Inbox = 1 << 3,
    /// A failed message waits in a retry queue instead of going straight back.
    RetryQueues = 1 << 4,
    /// A message that cannot be handled is set aside instead of being tried for ever.
    DeadLetters = 1 << 5,
    /// Queues and messages outlive a broker process: quorum queues, persistent messages.
    DurableQueues = 1 << 6,
    /// What is about to be done for an order is noted down first, so that whoever comes after a
    /// crash can finish it or roll it back.
    DurableLog = 1 << 7,
    /// A call to another service is given up after a short time.
    Timeouts = 1 << 8,
    /// A failed call to another service is repeated with the same key.
    Retries = 1 << 9,
    /// A service that keeps failing is not called for a while.
    Breaker = 1 << 10,
    /// Only the newest pipeline manager is obeyed.
    Lease = 1 << 11,
}

impl Safeguard {
    const ALL: [Self; 12] = [
        Self::Idempotency,
        Self::Outbox,
        Self::Confirms,
        Self::Inbox,
        Self::RetryQueues,
        Self::DeadLetters,
        Self::DurableQueues,
        Self::DurableLog,
        Self::Timeouts,
        Self::Retries,
        Self::Breaker,
        Self::Lease,
    ];

    /// The name used on the command line, in the environment and in reports.
    fn name(self) -> &'static str {
        match self {
            Self::Idempotency => "IDEMPOTENCY",
            Self::Outbox => "OUTBOX",
            Self::Confirms => "CONFIRMS",
            Self::Inbox => "INBOX",
            Self::RetryQueues => "RETRY_QUEUES",
            Self::DeadLetters => "DEAD_LETTERS",
            Self::DurableQueues => "DURABLE_QUEUES",
            Self::DurableLog => "DURABLE_LOG",
            Self::Timeouts => "TIMEOUTS",
            Self::Retries => "RETRIES",
            Self::Breaker => "BREAKER",
            Self::Lease => "LEASE",
        }
    }
}

/// What can be wrong with the choice of safeguards.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SafeguardError {
    /// A name that no safeguard has.
    #[error("SAFEGUARDS_OFF names the unknown safeguard `{0}`: use any of {known}", known = known())]
    Unknown(String),
    /// A mode that does not exist.
    #[error("MODE is `{0}`: use naive, notes or hardened")]
    UnknownMode(String),
}

fn known() -> String {
    Safeguard::ALL.map(Safeguard::name).join(", ")
}

/// The safeguards that are on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Safeguards(u32);

impl Safeguards {
    /// Reads a mode (`naive`, `notes`, `hardened`) and a comma list of safeguards to switch off.
    pub(crate) fn parse(mode: &str, off: &str) -> Result<Self, SafeguardError> {
        let mut on = Self::of_mode(mode)?;
        for name in off.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let safeguard = Safeguard::ALL
                .into_iter()
                .find(|safeguard| safeguard.name() == name)
                .ok_or_else(|| SafeguardError::Unknown(name.to_owned()))?;
            on.0 &= !(safeguard as u32);
        }
        Ok(on)
    }

    fn of_mode(mode: &str) -> Result<Self, SafeguardError> {
        let members: &[Safeguard] = match mode {
            "naive" => &[],
            "notes" => &[
                Safeguard::RetryQueues,
                Safeguard::DeadLetters,
                Safeguard::DurableQueues,
                Safeguard::DurableLog,
            ],
            "hardened" => &Safeguard::ALL,
            other => return Err(SafeguardError::UnknownMode(other.to_owned())),
        };
        Ok(Self(members.iter().fold(0, |bits, safeguard| bits | *safeguard as u32)))
    }

    /// Whether the safeguard is on.
    pub(crate) fn has(self, safeguard: Safeguard) -> bool {
        self.0 & safeguard as u32 != 0
    }
}

impl fmt::Display for Safeguards {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<&str> = Safeguard::ALL
            .into_iter()
            .filter(|safeguard| self.has(*safeguard))
            .map(Safeguard::name)
            .collect();
        formatter.write_str(if on.is_empty() { "none" } else { "" })?;
        formatter.write_str(&on.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::{Safeguard, SafeguardError, Safeguards};

    #[test]
    fn hardened_has_all_and_single_ones_can_be_switched_off() {
        let on = Safeguards::parse("hardened", " OUTBOX,CONFIRMS,LEASE ").unwrap();
        assert_eq!(
            on.to_string(),
            "IDEMPOTENCY,INBOX,RETRY_QUEUES,DEAD_LETTERS,DURABLE_QUEUES,DURABLE_LOG,TIMEOUTS,RETRIES,BREAKER"
        );
        assert!(!on.has(Safeguard::Outbox));
    }

    #[test]
    fn naive_has_none_and_notes_has_what_the_notes_prescribe() {
        assert_eq!(Safeguards::parse("naive", "").unwrap().to_string(), "none");
        assert_eq!(
            Safeguards::parse("notes", "").unwrap().to_string(),
            "RETRY_QUEUES,DEAD_LETTERS,DURABLE_QUEUES,DURABLE_LOG"
        );
    }

    #[test]
    fn unknown_names_are_refused_by_name() {
        assert_eq!(
            Safeguards::parse("hardened", "OUTBOX,INBOKS").err(),
            Some(SafeguardError::Unknown("INBOKS".into()))
        );
        assert_eq!(
            Safeguards::parse("hard", "").err(),
            Some(SafeguardError::UnknownMode("hard".into()))
        );
    }
}
