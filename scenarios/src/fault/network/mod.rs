//! Faults of the network. All are one shape: some packets of some replicas meet an effect, which
//! a program of ours has in their network namespace, and which ends with that program.

use super::{Kind, Victims};
use crate::action::network::Share;
use crate::quantity::{Percent, Span};
use crate::text::Item;

mod corrupt;
mod duplicate;
mod latency;
mod loss;
mod partition;
mod rate;
mod reorder;
mod traffic;

pub use corrupt::Corrupt;
pub use duplicate::Duplicate;
pub use latency::Latency;
pub use loss::Loss;
pub use partition::Partition;
pub use rate::RateLimit;
pub use reorder::Reorder;
pub use traffic::{Misfit, Traffic};
pub(crate) use traffic::{from, to};

/// The longest time that a packet is held.
const LONGEST: Span = Span::seconds(10);

/// Reads a share of the packets, such as `5%`.
fn share(item: &Item<'_>) -> Option<Share> {
    let percent: Percent = item.parse("a share in percent, such as `5%`")?;
    let millionths = (percent.ratio() * 1e6).round();
    if (1.0..=1e6).contains(&millionths) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is in the range that was just checked"
        )]
        return Some(Share(millionths as u32));
    }
    item.wrong("the share of packets is above `0%` and up to `100%`", None)
}

/// Reads a time for which packets are held.
fn held(item: &Item<'_>) -> Option<Span> {
    let span: Span = item.parse("a span of time, such as `100ms`")?;
    if span > Span::ZERO && span <= LONGEST {
        return Some(span);
    }
    item.wrong(format!("{span} is not a time above `0s` and up to `{LONGEST}`"), None)
}
