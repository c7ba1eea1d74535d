//! Trouble before an application that has no chaos switch, and where no proxy of ours can stand.

use insta::assert_snapshot;

use super::on;
use crate::plan::fixture::broker;
use crate::target::Target;

/// A broker target whose `payments` has no chaos switch, and listens on these ports.
fn foreign(ports: &[u16]) -> Target {
    let mut target = broker();
    target.components[2].exposed = ports.to_vec();
    target
}

#[test]
fn faults_of_an_application_without_a_switch_are_made_before_it() {
    assert_snapshot!(on(&foreign(&[80]), "http-error: {name: payments, probability: 30%}"), @r#"
    answer 30% of the calls of them with 503
    do:   POST /chaos of the proxy before payments-1:80 {"at":"*","except":[],"mode":"status","port":80,"probability":0.3,"seed":7,"status":503}
    felt: the proxy before payments-1 says that `acted` is above zero
    undo: start payments-1; DELETE /chaos of the proxy before payments-1:80
    done: the proxy before payments-1 says that `acted` is zero; payments-1 runs; payments-1 is ready
    "#);
    assert_snapshot!(on(&foreign(&[80, 81]), "http-delay: {name: payments, delay: 1s, at: /pay/*, port: 81}"), @r#"
    delay 100% of the calls of them by 1s
    do:   POST /chaos of the proxy before payments-1:81 {"at":"/pay/*","delay_ms":1000,"mode":"delay","port":81,"probability":1.0,"seed":7}
    felt: the proxy before payments-1 says that `acted` is above zero
    undo: start payments-1; DELETE /chaos of the proxy before payments-1:81
    done: the proxy before payments-1 says that `acted` is zero; payments-1 runs; payments-1 is ready
    "#);
    assert_snapshot!(on(&foreign(&[80, 15_000]), "fail-first: {name: payments, times: 3}"), @"refused: `payments` has no chaos switch (no CHAOS_SWITCH in its environment), and several ports of it may be meant for a proxy of ours (known are 80, 15000): say which by `port:`");
    assert_snapshot!(on(&broker(), "http-error: {name: proxy}"), @r#"
    answer 100% of the calls of them with 503
    do:   POST /chaos of the proxy before proxy-1:8080 {"at":"*","except":[],"mode":"status","port":8080,"probability":1.0,"seed":7,"status":503}
    felt: the proxy before proxy-1 says that `acted` is above zero
    undo: start proxy-1; DELETE /chaos of the proxy before proxy-1:8080
    done: the proxy before proxy-1 says that `acted` is zero; proxy-1 runs; proxy-1 is ready
    "#);
    let mut target = foreign(&[80, 9090]);
    let place = |text: &str| text.parse::<crate::target::Endpoint>().expect("an address");
    target.components[2].ready = Some(place("http://payments:80/ready?deep=1"));
    target.pending.push(place("http://payments:9090/pending"));
    assert_snapshot!(on(&target, "http-error: {name: payments}"), @r#"
    answer 100% of the calls of them with 503
    do:   POST /chaos of the proxy before payments-1:80 {"at":"*","except":["/ready"],"mode":"status","port":80,"probability":1.0,"seed":7,"status":503}
    felt: the proxy before payments-1 says that `acted` is above zero
    undo: start payments-1; DELETE /chaos of the proxy before payments-1:80
    done: the proxy before payments-1 says that `acted` is zero; payments-1 runs; payments-1 is ready
    "#);
    target.pending.push(place("http://payments:80/pending"));
    assert_snapshot!(on(&target, "http-error: {name: payments, port: 80}"), @r#"
    answer 100% of the calls of them with 503
    do:   POST /chaos of the proxy before payments-1:80 {"at":"*","except":["/pending","/ready"],"mode":"status","port":80,"probability":1.0,"seed":7,"status":503}
    felt: the proxy before payments-1 says that `acted` is above zero
    undo: start payments-1; DELETE /chaos of the proxy before payments-1:80
    done: the proxy before payments-1 says that `acted` is zero; payments-1 runs; payments-1 is ready
    "#);
}

#[test]
fn where_no_proxy_can_stand_it_is_said_why() {
    let refused = |target: &Target, written: &str| on(target, written);
    let postgres = {
        let mut target = foreign(&[80]);
        let ready = "postgres://payments:5432/shop".parse().expect("an address");
        target.components[2].ready = Some(ready);
        target.components[2].ports = vec![5432];
        target
    };
    let told = [
        refused(&broker(), "http-error: {name: payments}"),
        refused(&foreign(&[80, 81]), "http-error: {name: payments}"),
        refused(&foreign(&[80]), "http-error: {name: payments, port: 8080}"),
        refused(&foreign(&[80]), "http-error: {name: payments, at: charge.before_tx}"),
        refused(&broker(), "http-error: {name: rabbitmq}"),
        refused(&postgres, "http-error: {name: payments, port: 5432}"),
    ];
    assert_snapshot!(told.join("\n"), @r"
    refused: `payments` has no chaos switch (no CHAOS_SWITCH in its environment), and no HTTP port of it is known for a proxy of ours: name one under `expose`
    refused: `payments` has no chaos switch (no CHAOS_SWITCH in its environment), and several ports of it may be meant for a proxy of ours (known are 80, 81): say which by `port:`
    refused: `payments` has no chaos switch (no CHAOS_SWITCH in its environment), and it is not known to listen on 8080 (known are 80): name it under `expose`
    refused: `payments` has no chaos switch (no CHAOS_SWITCH in its environment), and a proxy of ours before it knows paths such as `/orders/*`, not the place `charge.before_tx`
    refused: `rabbitmq` has no chaos switch (no CHAOS_SWITCH in its environment), and a broker is not known to speak HTTP: say `port:` if it does
    refused: `payments` has no chaos switch (no CHAOS_SWITCH in its environment), and its port 5432 speaks postgres, not HTTP
    ");
}
