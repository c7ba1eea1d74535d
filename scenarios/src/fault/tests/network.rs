//! Faults of packets: which are meant, what becomes of them, and what is refused.

use insta::assert_snapshot;

use super::{on, refused};
use crate::plan::fixture::{broker, monolith};

/// What is done, where it is written, and what of it is proved.
fn met(written: &str) -> String {
    let made = on(&broker(), written);
    let lines: Vec<&str> = made.lines().collect();
    let [title, act, felt, undo, done] = lines[..] else { return made };
    let impairment = felt.strip_prefix("felt: rabbitmq-1 meets ").expect(&made);
    assert_eq!(act, format!("do:   make {impairment} at rabbitmq-1"));
    assert_eq!(undo, format!("undo: end {impairment} at rabbitmq-1; start rabbitmq-1"));
    assert!(
        done.starts_with(&format!("done: rabbitmq-1 no longer meets {impairment}; ")),
        "{made}"
    );
    format!("{title}: {impairment}")
}

#[test]
fn every_fault_of_packets_is_done_proved_and_undone_alike() {
    let made = [
        "latency: {role: broker, delay: 100ms}",
        "latency: {role: broker, delay: 100ms, jitter: 20ms, distribution: pareto, direction: in}",
        "loss: {role: broker, share: 5%}",
        "duplicate: {role: broker, share: 5%, to: payments}",
        "corrupt: {role: broker, share: 0.1%, direction: out}",
        "reorder: {role: broker, share: 25%}",
        "rate: {role: broker, limit: 1Mbit/s}",
        "partition: {from: rabbitmq, to: payments}",
        "partition: {from: rabbitmq, to: payments, direction: in, behaviour: reject}",
    ];
    assert_snapshot!(made.map(met).join("\n"), @r"
    delay the traffic of them by 100ms: delay by 100ms from and to everybody
    delay what reaches them by 100ms ± 20ms: delay by 100ms ± 20ms (pareto) from everybody
    drop 5% of the traffic of them: loss of 5% from and to everybody
    double 5% of what leaves them for payments: duplicates of 5% to payments
    damage 0.1% of what leaves them: damage to 0.1% to everybody
    hold 25% of the traffic of them for 20ms: reordering of 25% by 20ms from and to everybody
    limit the traffic of them to 1000 kbit/s each way: a limit of 1000 kbit/s from and to everybody
    cut them off from payments: a black hole from and to payments
    let nothing reach them from payments, rejecting what is sent: rejection from payments
    ");
}

#[test]
fn an_edge_has_two_ends_of_the_same_form() {
    let made = [
        "latency: {from: rabbitmq, to: payments, delay: 1s}",
        "loss: {from: {role: broker}, to: [orders, payments], share: 5%}",
        "rate: {from: [rabbitmq], to: {role: service}, limit: 1Mbit/s}",
        "duplicate: {from: rabbitmq, to: {role: proxy}, share: 1%}",
        "partition: {from: {role: broker}, to: {name: payments}}",
    ];
    assert_snapshot!(made.map(met).join("\n"), @r"
    delay the traffic of them with payments by 1s: delay by 1s from and to payments
    drop 5% of the traffic of them with orders, payments: loss of 5% from and to orders, payments
    limit the traffic of them with role service to 1000 kbit/s each way: a limit of 1000 kbit/s from and to orders, payments
    double 1% of what leaves them for role proxy: duplicates of 1% to proxy
    cut them off from payments: a black hole from and to payments
    ");
    let apps = "partition: {from: [proxy, app-2], to: database, direction: out}";
    assert_snapshot!(on(&monolith(), apps), @r"
    let nothing from them reach database
    do:   make a black hole to database at proxy-1; make a black hole to database at app-2
    felt: proxy-1 meets a black hole to database; app-2 meets a black hole to database
    undo: end a black hole to database at proxy-1; end a black hole to database at app-2; start proxy-1; start app-2
    done: proxy-1 no longer meets a black hole to database; app-2 no longer meets a black hole to database; proxy-1 runs; proxy-1 is ready; app-2 runs; app-2 is ready
    ");
    let one = "latency: {from: database, to: {role: app, mode: one}, delay: 1s}";
    assert_snapshot!(on(&monolith(), one), @r"
    delay the traffic of them with one of role app by 1s
    do:   make delay by 1s from and to app-1 at database-1
    felt: database-1 meets delay by 1s from and to app-1
    undo: end delay by 1s from and to app-1 at database-1; start database-1
    done: database-1 no longer meets delay by 1s from and to app-1; database-1 runs; database-1 is ready
    ");
    assert_snapshot!(on(&monolith(), "loss: {from: app-1, to: app-2, share: 1%}"), @r"
    drop 1% of the traffic of them with app-2
    do:   make loss of 1% from and to app-2 at app-1
    felt: app-1 meets loss of 1% from and to app-2
    undo: end loss of 1% from and to app-2 at app-1; start app-1
    done: app-1 no longer meets loss of 1% from and to app-2; app-1 runs; app-1 is ready
    ");
}

#[test]
fn what_a_target_does_not_have_is_no_other_end() {
    let refused = [
        "partition: {from: rabbitmq, to: nobody}",
        "partition: {from: [rabbitmq, nobody], to: payments}",
        "loss: {role: broker, to: [payments, nobody], share: 1%}",
        "loss: {role: broker, to: {role: pipeline-manager}, share: 1%}",
        "loss: {role: broker, to: {role: all}, share: 1%}",
        "loss: {role: service, to: payments, share: 1%}",
        "partition: {from: {role: service}, to: {role: service}}",
    ];
    assert_snapshot!(refused.map(|written| on(&broker(), written)).join("\n"), @r"
    refused: broker has no component called `nobody`
    refused: broker has no component called `nobody`
    refused: broker has no component called `nobody`
    refused: broker has no component with the role `pipeline-manager`
    refused: `rabbitmq` cannot be cut off from itself: name another component
    refused: `payments` cannot be cut off from itself: name another component
    refused: `orders` cannot be cut off from itself: name another component
    ");
}

#[test]
fn an_end_on_no_network_of_the_other_cannot_be_cut_off() {
    let mut target = broker();
    for (component, network) in target.components.iter_mut().zip(["a", "a", "b", "b"]) {
        component.networks = [(network.to_owned(), Vec::new())].into();
    }
    assert_snapshot!(on(&target, "partition: {from: rabbitmq, to: [payments, orders]}"), @"refused: `orders` shares no network with the other end");
    assert_snapshot!(on(&target, "partition: {from: [rabbitmq, orders], to: payments}"), @"refused: `orders` shares no network with the other end");
}

#[test]
fn wrong_settings_of_packets_are_shown_where_they_stand() {
    let wrong = [
        "latency: {role: app, delay: -1s}",
        "latency: {role: app, delay: 0s, distribution: bell}",
        "latency: {role: app, delay: 11s, jitter: -1ms}",
        "latency: {role: app, delay: 10ms, jitter: 20ms, direction: up}",
        "loss: {role: app, share: 0%}",
        "loss: {role: app, share: -1%}",
        "corrupt: {role: app, share: 101%}",
        "duplicate: {role: app, share: 5%, direction: in}",
        "reorder: {role: app, share: 5, delay: -2ms}",
        "rate: {role: app, limit: 0Mbit/s}",
        "rate: {role: app, limit: -1Mbit/s}",
        "rate: {role: app, limit: fast}",
        "partition: {from: app, to: app}",
        "partition: {from: [app, proxy], to: [database, proxy]}",
        "partition: {from: [], to: {rolle: app}}",
        "partition: {from: app, behaviour: hang}",
        "partition: {from: app, to: {role: each}}",
        "loss: {name: app, share: 5%, to: app}",
        "loss: {name: app, from: app, share: 5%}",
    ];
    assert_snapshot!(wrong.map(refused).join("\n"), @r"
    test.yaml:1:29: `-1s` is not a span of time, such as `100ms`
    test.yaml:1:29: 0s is not a time above `0s` and up to `10s`
    test.yaml:1:47: no distribution is called `bell` (known here are `uniform`, `normal`, `pareto`)
    test.yaml:1:29: 11s is not a time above `0s` and up to `10s`
    test.yaml:1:42: `-1ms` is not a span of time, such as `100ms`
    test.yaml:1:43: a jitter of 20ms is more than the delay of 10ms
    test.yaml:1:60: no direction is called `up` (known here are `in`, `out`, `both`)
    test.yaml:1:26: the share of packets is above `0%` and up to `100%`
    test.yaml:1:26: `-1%` is not a share in percent, such as `5%`
    test.yaml:1:29: `101%` is not a share in percent, such as `5%`
    test.yaml:1:35: the key `direction` is not known here (known here are `from`, `role`, `name`, `mode`, `to`, `share`)
    test.yaml:1:29: `5` is not a share in percent, such as `5%`
    test.yaml:1:39: `-2ms` is not a span of time, such as `100ms`
    test.yaml:1:26: `0Mbit/s` is not between `8kbit/s` and `10Gbit/s`
    test.yaml:1:26: `-1Mbit/s` is not between `8kbit/s` and `10Gbit/s`
    test.yaml:1:26: `fast` is not a number of bits, such as `1Mbit/s`
    test.yaml:1:28: `app` cannot be cut off from itself: name another component
    test.yaml:1:37: `proxy` cannot be cut off from itself: name another component
    test.yaml:1:19: a list of none
    test.yaml:1:27: it is not said which components are meant (add `role:` or `name:`)
    test.yaml:1:28: the key `rolle` is not known here (did you mean `role`?)
    test.yaml:1:12: `to` is missing here
    test.yaml:1:35: no behaviour is called `hang` (known here are `drop`, `reject`)
    test.yaml:1:28: `role: each` says whom a fault acts on, not who is at the other end
    test.yaml:1:34: `app` cannot be cut off from itself: name another component
    test.yaml:1:25: `from` and `role`, `name`, `mode` exclude each other (keep one, or write `from: {role: …}`)
    ");
}
