//! How long the phases of a run take: short for every change, long for figures to publish.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::quantity::Span;

/// A named choice of lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Seconds: for every change.
    #[default]
    Quick,
    /// For a comparison.
    Standard,
    /// For figures with intervals.
    Thorough,
}

/// The lengths that a profile sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// Load whose results are dropped.
    pub warm_up: Span,
    /// Load that must be within the hypothesis.
    pub baseline: Span,
    /// A fault that does not say its length.
    pub fault: Span,
    /// Load after the test phase.
    pub horizon: Span,
    /// Watch for relapse.
    pub keep: Span,
}

/// No profile has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no profile is called `{0}` (there are quick, standard and thorough)")]
pub struct UnknownProfile(pub String);

impl Profile {
    /// Every profile, shortest first.
    pub const ALL: [Self; 3] = [Self::Quick, Self::Standard, Self::Thorough];

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Thorough => "thorough",
        }
    }

    /// The lengths that it sets.
    pub fn lengths(self) -> Lengths {
        let [warm_up, baseline, fault, horizon, keep] = match self {
            Self::Quick => [3, 6, 6, 6, 4],
            Self::Standard => [5, 15, 15, 15, 10],
            Self::Thorough => [20, 30, 30, 30, 30],
        }
        .map(Span::seconds);
        Lengths { warm_up, baseline, fault, horizon, keep }
    }

    /// How often each run is made, unless asked otherwise.
    pub fn repeats(self) -> u32 {
        if self == Self::Thorough { 5 } else { 1 }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|profile| profile.name() == text);
        found.ok_or_else(|| UnknownProfile(text.to_owned()))
    }
}
