//! Faults of the network. All are one shape: some packets of some replicas meet an effect, which
//! a program of ours has in their network namespace, and which ends with that program.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::network::{Direction, Effect, Impairment, Share};
use crate::action::{Action, Check, Injection};
use crate::quantity::{Percent, Span};
use crate::selector::{By, Selector};
use crate::text::{Fields, Item};

mod corrupt;
mod duplicate;
mod latency;
mod loss;
mod partition;
mod rate;
mod reorder;

pub use corrupt::Corrupt;
pub use duplicate::Duplicate;
pub use latency::Latency;
pub use loss::Loss;
pub use partition::Partition;
pub use rate::RateLimit;
pub use reorder::Reorder;

/// The longest time that a packet is held.
const LONGEST: Span = Span::seconds(10);

/// Which packets of whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Whose.
    pub selector: Selector,
    /// Which way.
    pub direction: Direction,
    /// The component at the other end; none for all.
    pub to: Option<String>,
}

impl Traffic {
    /// Reads `role` or `name`, `mode`, `direction` and `to`.
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let selector = Selector::from_fields(fields);
        let direction = direction(fields);
        let to = to(fields, selector.as_ref());
        Some(Self { selector: selector?, direction: direction?, to: to? })
    }

    /// What is meant, in words.
    fn of(&self, whom: &str) -> String {
        let way = match self.direction {
            Direction::In => "what reaches",
            Direction::Out => "what leaves",
            Direction::Both => "the traffic of",
        };
        match (&self.to, self.direction) {
            (None, _) => format!("{way} {whom}"),
            (Some(peer), Direction::In) => format!("{way} {whom} from {peer}"),
            (Some(peer), Direction::Out) => format!("{way} {whom} for {peer}"),
            (Some(peer), Direction::Both) => format!("{way} {whom} with {peer}"),
        }
    }

    /// Every replica meets the effect; a new one that takes its place does, too.
    fn meets(&self, effect: Effect, victims: &Victims<'_>) -> Result<Injection, String> {
        if let Some(peer) = &self.to {
            let target = victims.target;
            let found = target.component(peer);
            let found = found.ok_or_else(|| {
                format!("{} has no component called `{peer}` for `to`", target.name)
            })?;
            for replica in victims.replicas {
                let victim = victims.component(replica);
                let meet = |network| found.networks.contains_key(network);
                if !victim.networks.is_empty() && !victim.networks.keys().any(meet) {
                    return Err(format!("`{}` and `{peer}` share no network", victim.name));
                }
            }
        }
        let impairment = Impairment {
            effect,
            direction: self.direction,
            peer: self.to.clone(),
            seed: victims.seed,
        };
        let mut heal = victims.act(|replica| Action::EndImpair { replica });
        heal.extend(victims.start());
        let mut healed = victims.look(|replica| [Check::Unimpaired { replica }]);
        healed.extend(victims.work());
        Ok(Injection {
            inject: victims
                .act(|replica| Action::Impair { replica, impairment: impairment.clone() }),
            felt: victims
                .look(|replica| [Check::Impaired { replica, impairment: impairment.clone() }]),
            heal,
            healed,
        })
    }
}

/// `both` unless said.
fn direction(fields: &mut Fields<'_>) -> Option<Direction> {
    let Some(item) = fields.optional("direction") else { return Some(Direction::Both) };
    item.one_of("direction", &Direction::ALL)
}

/// Reads the component at the other end; the outer none is a mistake.
#[expect(clippy::option_option, reason = "left out is not a mistake")]
fn to(fields: &mut Fields<'_>, selector: Option<&Selector>) -> Option<Option<String>> {
    let Some(item) = fields.optional("to") else { return Some(None) };
    let peer = item.text()?;
    match selector {
        Some(Selector { by: By::Name(name), .. }) if *name == peer => same(&item, &peer),
        _ => Some(Some(peer)),
    }
}

fn same<T>(item: &Item<'_>, peer: &str) -> Option<T> {
    item.wrong(format!("`{peer}` cannot be cut off from itself: name another component"), None)
}

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
