//! Where an order stands, told by the answers that it got.

use super::{Answer, Direction, Entry, Move, Position};
use crate::domain::order::Kind;
use crate::domain::state::{Reason, State};
use crate::domain::step::Step;

const DONE: Answer = Answer::Done;

/// Follows the pipeline with these answers; names what was asked for, and the state at the end.
fn follow(kind: Kind, late: bool, answers: &[Answer]) -> (String, State) {
    let mut position = Position::start(kind);
    let mut asked = Vec::new();
    for answer in answers {
        let Move::Call(step, direction) = position.next(late) else { break };
        let intent = position.intent(step, direction);
        position.apply(intent);
        position.apply(Entry { outcome: Some(*answer), ..intent });
        let back = if direction == Direction::Compensate { "-" } else { "" };
        asked.push(format!("{back}{}{}", step.name(), if intent.attempt > 1 { "'" } else { "" }));
    }
    (asked.join(" "), position.state(late))
}

#[test]
fn every_kind_is_led_to_its_end() {
    let ends = [
        (Kind::Standard, "reserve charge ship consume notify"),
        (Kind::Pickup, "reserve charge consume notify"),
        (Kind::Digital, "charge grant notify"),
    ];
    for (kind, asked) in ends {
        assert_eq!(follow(kind, false, &[DONE; 9]), (asked.into(), State::Completed));
    }
}

#[test]
fn a_refusal_undoes_what_was_done_in_reverse() {
    let refused = Answer::Refused(Reason::Undeliverable);
    let (asked, state) = follow(Kind::Standard, false, &[DONE, DONE, refused, DONE, DONE, DONE]);
    assert_eq!(asked, "reserve charge ship -charge -reserve -notify");
    assert_eq!(state, State::Rejected);
}

#[test]
fn a_step_that_is_tried_again_keeps_its_uncertainty() {
    let answers = [DONE, Answer::Unknown, Answer::NothingDone];
    assert_eq!(
        follow(Kind::Pickup, false, &answers),
        ("reserve charge charge'".into(), State::Reserved)
    );
    let mut position = Position::start(Kind::Pickup);
    for (step, answer) in [
        (Step::Reserve, DONE),
        (Step::Charge, Answer::Unknown),
        (Step::Charge, Answer::NothingDone),
    ] {
        let intent = position.intent(step, Direction::Forward);
        position.apply(intent);
        position.apply(Entry { outcome: Some(answer), ..intent });
    }
    assert_eq!(position.attempts(), 2);
    assert_eq!(position.next(true), Move::Call(Step::Charge, Direction::Compensate));
}

#[test]
fn what_was_certainly_not_done_needs_no_way_back() {
    let mut position = Position::start(Kind::Standard);
    let intent = position.intent(Step::Reserve, Direction::Forward);
    position.apply(intent);
    assert_eq!(position.next(true), Move::Call(Step::Reserve, Direction::Compensate));
    position.apply(Entry { outcome: Some(Answer::NothingDone), ..intent });
    assert_eq!(position.next(false), Move::Call(Step::Reserve, Direction::Forward));
    assert_eq!(position.state(false), State::Accepted);
    assert_eq!(position.next(true), Move::Call(Step::Notify, Direction::Compensate));
    assert_eq!(position.state(true), State::Cancelled);
}

#[test]
fn lateness_turns_nobody_back_who_has_all_that_can_be_refused() {
    let mut position = Position::start(Kind::Digital);
    for step in [Step::Charge, Step::Grant] {
        let intent = position.intent(step, Direction::Forward);
        position.apply(intent);
        position.apply(Entry { outcome: Some(DONE), ..intent });
    }
    assert_eq!(position.next(true), Move::Call(Step::Notify, Direction::Forward));
    let mut goods = Position::start(Kind::Pickup);
    for step in [Step::Reserve, Step::Charge, Step::Consume] {
        let intent = goods.intent(step, Direction::Forward);
        goods.apply(intent);
        let answer = if step == Step::Consume { Answer::Never } else { DONE };
        goods.apply(Entry { outcome: Some(answer), ..intent });
    }
    assert_eq!(goods.next(true), Move::Call(Step::Consume, Direction::Forward));
}
