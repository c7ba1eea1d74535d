//! Where an order stands in its pipeline, and what follows: a fold of the log and a pure function of
//! it. The pipelines themselves are data of the domain: `Kind::steps` and `Kind::finishing`.

use super::answer::Answer;
use crate::client::Direction;
use crate::domain::order::Kind;
use crate::domain::state::{Reason, State};
use crate::domain::step::Step;

/// One line of the log of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Which step.
    pub(crate) step: Step,
    /// Which way.
    pub(crate) direction: Direction,
    /// The attempt at this step in this direction, from 1.
    pub(crate) attempt: u32,
    /// The answer; nothing for an intent, which stands before the call.
    pub(crate) outcome: Option<Answer>,
}

/// What is known about one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Nobody was asked for it, or whoever was asked has certainly changed nothing.
    Untouched,
    /// It was asked for and there is no answer yet.
    Asked,
    /// It may be done, now or whenever a late request arrives.
    Unknown,
    /// It is done.
    Done,
    /// The business refused it.
    Refused,
    /// It is undone and can never be done again.
    Undone,
}

/// Where an order stands in its pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    kind: Kind,
    standings: Vec<(Step, Standing)>,
    /// The pipeline goes back; with a reason where the business refused.
    back: bool,
    reason: Option<Reason>,
    /// Telling the customer has been tried.
    told: bool,
    /// The step that was asked for last, and how often in a row it failed.
    latest: Option<(Step, Direction)>,
    attempts: u32,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// A service is asked for a step.
    Call(Step, Direction),
    /// Nothing: the order is final and the customer has been told.
    End,
}

impl Position {
    /// The beginning of the pipeline of a kind.
    pub(crate) fn start(kind: Kind) -> Self {
        let track = kind.steps().iter().chain(kind.finishing());
        Self {
            kind,
            standings: track.map(|step| (*step, Standing::Untouched)).collect(),
            back: false,
            reason: None,
            told: false,
            latest: None,
            attempts: 0,
        }
    }

    /// Failed attempts in a row at what was asked for last.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Gives what was asked for last all its attempts again, or what is left of them.
    pub(super) fn set_attempts(&mut self, attempts: u32) {
        self.attempts = attempts;
    }

    /// Why the business refused the order.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// What follows. `late` says that the time for going forward is over.
    pub(crate) fn next(&self, late: bool) -> Move {
        if let Some(end) = self.end(late) {
            let told =
                if end == State::Completed { Direction::Forward } else { Direction::Compensate };
            return if self.told { Move::End } else { Move::Call(Step::Notify, told) };
        }
        if self.goes_back(late) {
            let step = self.standings.iter().rev().find(|(_, standing)| may_be_done(*standing));
            step.map_or(Move::End, |(step, _)| Move::Call(*step, Direction::Compensate))
        } else {
            let step = self.standings.iter().find(|(_, standing)| *standing != Standing::Done);
            step.map_or(Move::End, |(step, _)| Move::Call(*step, Direction::Forward))
        }
    }

    /// The state of the order. `late` as in `next`.
    pub(crate) fn state(&self, late: bool) -> State {
        if let Some(end) = self.end(late) {
            return end;
        }
        if self.goes_back(late) {
            return State::Compensating;
        }
        let done = |step| self.standing(step) == Some(Standing::Done);
        match (done(Step::Charge), done(Step::Reserve)) {
            (true, _) => State::Charged,
            (false, true) => State::Reserved,
            (false, false) => State::Accepted,
        }
    }

    /// The line that stands before the call of a step.
    pub(crate) fn intent(&self, step: Step, direction: Direction) -> Entry {
        let again = self.latest == Some((step, direction));
        let attempt = if again { self.attempts + 1 } else { 1 };
        Entry { step, direction, attempt, outcome: None }
    }

    /// Adds a line of the log.
    pub(crate) fn apply(&mut self, entry: Entry) {
        let Entry { step, direction, outcome, .. } = entry;
        if self.latest.replace((step, direction)) != Some((step, direction)) {
            self.attempts = 0;
        }
        if let Some(answer) = outcome {
            self.attempts = if answer.is_settled() { 0 } else { self.attempts + 1 };
        }
        // Telling the customer that an order is refused counts as going back, so that a refusal
        // for lack of time is remembered even where nothing had to be undone.
        self.back |= direction == Direction::Compensate;
        if step == Step::Notify {
            self.told |= outcome.is_some();
        } else if direction == Direction::Forward {
            self.apply_forward(step, outcome);
        } else if outcome == Some(Answer::Done) {
            self.stand(step, Standing::Undone);
        }
    }

    fn apply_forward(&mut self, step: Step, outcome: Option<Answer>) {
        let before = self.standing(step).unwrap_or(Standing::Untouched);
        // An intent without an answer, or an answer that never came, leaves a request that may
        // still arrive: no later attempt that changed nothing takes that back.
        let uncertain = before == Standing::Unknown;
        self.stand(
            step,
            match outcome {
                None if before == Standing::Untouched => Standing::Asked,
                Some(Answer::Done) => Standing::Done,
                Some(Answer::Refused(_)) => Standing::Refused,
                Some(Answer::NothingDone | Answer::Never) if !uncertain => Standing::Untouched,
                None | Some(_) => Standing::Unknown,
            },
        );
        self.back |= matches!(outcome, Some(Answer::Refused(_) | Answer::Never));
        self.reason = outcome.and_then(Answer::reason).or(self.reason);
    }

    /// How the order ends, once nothing is left to do for it.
    fn end(&self, late: bool) -> Option<State> {
        let all = |wanted: fn(Standing) -> bool| {
            self.standings.iter().all(|(_, standing)| wanted(*standing))
        };
        if all(|standing| standing == Standing::Done) {
            return Some(State::Completed);
        }
        let undone = self.goes_back(late) && all(|standing| !may_be_done(standing));
        undone.then_some(if self.reason.is_some() { State::Rejected } else { State::Cancelled })
    }

    /// Whether what was done is being undone. Once all steps that can be refused are done there is
    /// no way back, however late it is.
    fn goes_back(&self, late: bool) -> bool {
        let decided =
            self.kind.steps().iter().all(|step| self.standing(*step) == Some(Standing::Done));
        !decided && (self.back || late)
    }

    fn standing(&self, step: Step) -> Option<Standing> {
        self.standings.iter().find(|(known, _)| *known == step).map(|(_, standing)| *standing)
    }

    fn stand(&mut self, step: Step, standing: Standing) {
        for known in self.standings.iter_mut().filter(|(known, _)| *known == step) {
            known.1 = standing;
        }
    }
}

/// Whether going back has to undo a step.
fn may_be_done(standing: Standing) -> bool {
    matches!(standing, Standing::Asked | Standing::Unknown | Standing::Done)
}

#[cfg(test)]
mod tests;
