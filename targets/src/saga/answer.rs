//! What came of asking a service for a step, as the log keeps it.

use crate::domain::state::Reason;

/// What came of asking a service for a step, in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is done, or undone, as was asked.
    Done,
    /// The business refused it; it left nothing.
    Refused(Reason),
    /// This attempt has certainly changed nothing; another one may go well.
    NothingDone,
    /// Nobody knows whether this attempt has changed anything.
    Unknown,
    /// This attempt has changed nothing, and another one is in vain.
    Never,
}

impl Answer {
    /// The name in the log and in audits.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused(_) => "refused",
            Self::NothingDone => "nothing-done",
            Self::Unknown => "unknown",
            Self::Never => "never",
        }
    }

    /// Why the business refused.
    pub(super) fn reason(self) -> Option<Reason> {
        match self {
            Self::Refused(reason) => Some(reason),
            _ => None,
        }
    }

    /// The answer of a name and a reason.
    pub(super) fn parse(name: &str, reason: Option<&str>) -> Option<Self> {
        Some(match name {
            "done" => Self::Done,
            "refused" => Self::Refused(Reason::parse(reason?)?),
            "nothing-done" => Self::NothingDone,
            "unknown" => Self::Unknown,
            "never" => Self::Never,
            _ => return None,
        })
    }

    /// Whether the service did its part, whatever the business said.
    pub(super) fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Refused(_))
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;
    use crate::domain::state::Reason;

    #[test]
    fn names_are_read_back() {
        let refused = Answer::Refused(Reason::Declined);
        for answer in [Answer::Done, refused, Answer::NothingDone, Answer::Unknown, Answer::Never] {
            let reason = answer.reason().map(Reason::name);
            assert_eq!(Answer::parse(answer.name(), reason), Some(answer));
        }
        assert_eq!(Answer::parse("refused", None), None);
        assert_eq!(Answer::parse("maybe", None), None);
    }
}
