//! What is done to the volumes of a component.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::Bytes;

/// A volume that is filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Its name in the Compose file.
    pub volume: String,
    /// What it holds.
    pub size: Bytes,
    /// How much of that is in use then, per cent.
    pub percent: u8,
}

impl fmt::Display for Fill {
    /// Such as `100% of the volume orders-db (256MiB)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { volume, size, percent } = self;
        write!(formatter, "{percent}% of the volume {volume} ({size})")
    }
}
