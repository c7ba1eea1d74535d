//! Faults of a broker by comparing values: what is done, how it is proved, how both are undone.

use insta::assert_snapshot;

use super::tests::{on, refused};
use crate::plan::fixture::{broker, monolith};

#[test]
fn unreadable_messages_are_put_into_one_queue_and_taken_out_again() {
    let written = "poison-message: {role: broker, queue: q.payments, count: 5, every: 200ms}";
    assert_snapshot!(on(&broker(), written), @r"
    put 5 unreadable messages into q.payments of them
    do:   put 5 unreadable messages into q.payments, one every 200ms, of rabbitmq-1
    felt: consumers took such messages of q.payments in rabbitmq-1
    undo: start rabbitmq-1; take what is left of the 5 out of q.payments of rabbitmq-1
    done: rabbitmq-1 has no such messages left; rabbitmq-1 runs; rabbitmq-1 is ready
    ");
    assert_snapshot!(on(&broker(), "poison-message: {role: broker, queue: q.orders, count: 1}"), @r"
    put 1 unreadable message into q.orders of them
    do:   put 1 unreadable message into q.orders of rabbitmq-1
    felt: consumers took such messages of q.orders in rabbitmq-1
    undo: start rabbitmq-1; take what is left of the 1 out of q.orders of rabbitmq-1
    done: rabbitmq-1 has no such messages left; rabbitmq-1 runs; rabbitmq-1 is ready
    ");
}

#[test]
fn queues_are_limited_by_name_or_pattern() {
    assert_snapshot!(on(&broker(), "queue-limit: {role: broker, queue: 'q.*', length: 50}"), @r"
    limit q.* of them to 50 messages
    do:   let q.orders, q.payments hold at most 50 messages each in rabbitmq-1
    felt: one of q.orders, q.payments is full in rabbitmq-1
    undo: start rabbitmq-1; lift the limit of q.orders, q.payments in rabbitmq-1
    done: rabbitmq-1 has no limit of ours on its queues; rabbitmq-1 runs; rabbitmq-1 is ready
    ");
}

#[test]
fn what_is_no_queue_of_a_broker_is_refused() {
    let mut nameless = broker();
    nameless.queues.clear();
    let refusals = [
        on(&broker(), "poison-message: {role: broker, queue: q.payment}"),
        on(&broker(), "poison-message: {role: broker, queue: 'q.*'}"),
        on(&broker(), "poison-message: {name: payments, queue: q.payments}"),
        on(&broker(), "queue-limit: {role: broker, queue: 'x.*', length: 5}"),
        on(&monolith(), "queue-limit: {role: database, queue: q, length: 5}"),
        on(&nameless, "queue-limit: {role: broker, queue: q.orders, length: 5}"),
    ];
    assert_snapshot!(refusals.join("\n"), @r"
    refused: broker has no queue called `q.payment` (did you mean `q.payments`?)
    refused: `q.*` means several queues: choose one of q.orders, q.payments
    refused: `payments` is no broker but a service: it has no queues
    refused: broker has no queue called `x.*` (known here are `q.orders`, `q.payments`)
    refused: `database` is no broker but a database: it has no queues
    refused: broker does not say which queues it has: name them in `x-chaos`, such as `queues: {q.orders: {dead: dead-letters}}`
    ");
}

#[test]
fn wrong_settings_are_shown_where_they_stand() {
    let wrong = [
        "poison-message: {role: broker}",
        "poison-message: {role: broker, queue: ''}",
        "poison-message: {role: broker, queue: q, count: 0}",
        "poison-message: {role: broker, queue: q, count: 10001, every: 2m}",
        "poison-message: {role: broker, queue: q, every: -1s}",
        "queue-limit: {role: broker, queue: q, length: 0}",
        "queue-limit: {role: broker, queue: q, length: -3}",
        "queue-limit: {role: broker, queue: q}",
        "queue-limit: {role: brokers, queue: q, length: 5}",
    ];
    assert_snapshot!(wrong.map(refused).join("\n"), @r"
    test.yaml:1:17: `queue` is missing here
    test.yaml:1:39: `` is not the name of a queue (such as `q.orders`)
    test.yaml:1:49: 0 is not a number of messages from 1 to 10000
    test.yaml:1:49: 10001 is not a number of messages from 1 to 10000
    test.yaml:1:63: 2m is longer than 1m between two messages
    test.yaml:1:49: `-1s` is not a span of time, such as `500ms`
    test.yaml:1:47: a queue that holds 0 messages takes none: at least 1
    test.yaml:1:47: `-3` is not a whole number
    test.yaml:1:14: `length` is missing here
    test.yaml:1:21: no role is called `brokers` (did you mean `broker`?)
    ");
}
