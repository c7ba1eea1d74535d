//! The services of the made-up world, and the trouble on the way to them.

use std::collections::HashMap;

use super::world::World;
use crate::client::Direction;
use crate::domain::order::{Kind, Order};
use crate::domain::state::Reason;
use crate::domain::step::Step;
use crate::role::Role;
use crate::saga::answer::Answer;
use crate::saga::steps::Reply;
use crate::trial::{Fate, order};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The service turns it away and says that nothing was done.
    TurnedAway,
    /// It never arrives, and nobody knows.
    Lost,
    /// It is answered, and the answer is lost.
    AnswerLost,
    /// It arrives after its sender has given up.
    Late,
    /// The service says that it is in vain.
    InVain,
}

impl Fault {
    const ALL: [Self; 5] =
        [Self::TurnedAway, Self::Lost, Self::AnswerLost, Self::Late, Self::InVain];
}

/// One order with the trouble that it meets.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) order: Order,
    pub(super) fate: Fate,
    /// The first so many requests for a step in a direction meet this.
    pub(super) trouble: Option<(Step, Direction, u32, Fault)>,
    /// A second step that cannot be had at all, which makes the pipeline go back.
    pub(super) away: Option<Step>,
}

impl Case {
    pub(super) fn new(kind: Kind, sku: &str, card: &str, address: &str) -> Self {
        let (order, fate) = order("o-1", kind, sku, card, address);
        Self { order, fate, trouble: None, away: None }
    }

    pub(super) fn good(kind: Kind) -> Self {
        Self::new(kind, "SKU-3", "tok_ok", "Main St 1")
    }

    /// Every kind with every end and every trouble at every step in both directions.
    pub(super) fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for kind in Kind::ALL {
            let ends = [
                Self::good(kind),
                Self::new(kind, "OOS-1", "tok_ok", "Main St 1"),
                Self::new(kind, "SKU-3", "tok_decline", "Main St 1"),
                Self::new(kind, "SKU-3", "tok_ok", "nowhere"),
            ];
            cases.extend(ends.clone());
            for step in kind.steps().iter().chain(kind.finishing()).chain(&[Step::Notify]) {
                let good = Self::good(kind);
                cases.extend(good.meeting(*step, Direction::Forward));
            }
            // What goes back: a refusal by the business, and a last step that cannot be had.
            let last = kind.steps().last().copied();
            let without_last = Self { away: last, ..Self::good(kind) };
            for base in ends.into_iter().skip(2).chain([without_last]) {
                for step in kind.steps() {
                    cases.extend(base.meeting(*step, Direction::Compensate));
                }
            }
        }
        cases
    }

    fn meeting(&self, step: Step, direction: Direction) -> impl Iterator<Item = Self> {
        let often = [1, u32::MAX].into_iter();
        let all = often.flat_map(|first| Fault::ALL.map(|fault| (first, fault)));
        all.map(move |(first, fault)| Self {
            trouble: Some((step, direction, first, fault)),
            ..self.clone()
        })
    }
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    pub(super) step: Step,
    pub(super) direction: Direction,
    pub(super) epoch: i64,
}

/// What a service knows about a step of the order, and how often it had an effect.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    outcome: Option<Answer>,
    pub(super) compensated: bool,
    pub(super) effects: u32,
    pub(super) undone: u32,
}

/// All services.
#[derive(Debug, Default)]
pub(super) struct Services {
    pub(super) rows: HashMap<Step, Row>,
    pub(super) epochs: HashMap<Role, i64>,
}

impl Services {
    /// A request arrives: the same rules as those of the real services.
    pub(super) fn receive(&mut self, packet: Packet, order: &Order) -> Reply {
        let Packet { step, direction, epoch } = packet;
        let newest = self.epochs.entry(step.owner()).or_default();
        *newest = epoch.max(*newest);
        if epoch < *newest {
            return Reply::Outdated;
        }
        let row = self.rows.entry(step).or_default();
        let answer = match (direction, row.outcome) {
            (Direction::Compensate, outcome) => {
                if !std::mem::replace(&mut row.compensated, true) && outcome == Some(Answer::Done) {
                    row.undone += 1;
                }
                Answer::Done
            }
            (Direction::Forward, _) if row.compensated => Answer::Never,
            (Direction::Forward, Some(answer)) => answer,
            (Direction::Forward, None) => {
                let answer = refusal(step, order).map_or(Answer::Done, Answer::Refused);
                row.effects += u32::from(answer == Answer::Done);
                row.outcome = Some(answer);
                answer
            }
        };
        Reply::Answered(answer, String::new())
    }

    pub(super) fn row(&self, step: Step) -> Row {
        self.rows.get(&step).copied().unwrap_or_default()
    }
}

fn refusal(step: Step, order: &Order) -> Option<Reason> {
    let short = order.items.iter().any(|item| item.sku.starts_with("OOS"));
    match step {
        Step::Reserve if short => Some(Reason::OutOfStock),
        Step::Charge if order.card == "tok_decline" => Some(Reason::Declined),
        Step::Ship if order.address == "nowhere" => Some(Reason::Undeliverable),
        _ => None,
    }
}

/// Whatever is still on its way arrives: requests that were given up, and every request once more.
pub(super) fn late_arrivals(world: &World) {
    world.deliver_late();
}
