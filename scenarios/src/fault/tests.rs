//! Every fault by comparing values: what is done, how it is proved, how both are undone.

mod proxied;

use insta::assert_snapshot;

use super::{FAULTS, Fault, Victims};
use crate::plan::fixture::{broker, monolith};
use crate::target::{Endpoint, Target};
use crate::text;

mod network;

/// A fault as it is written.
fn fault(written: &str) -> Fault {
    let read = text::decode("test.yaml", written, Fault::read);
    read.unwrap_or_else(|diagnostics| panic!("{diagnostics}")).0
}

fn joined<T: ToString>(list: &[T]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What a fault does to the replicas that it asks for, one list a line.
pub(super) fn on(target: &Target, written: &str) -> String {
    let fault = fault(written);
    let selector = fault.selector();
    let replicas = selector.map(|it| it.resolve(target, None, 1, "test")).unwrap_or_default();
    let made = fault.injection(&Victims { target, replicas: &replicas, seed: 7 });
    let injection = match made {
        Ok(injection) => injection,
        Err(reason) => return format!("refused: {reason}"),
    };
    format!(
        "{}\ndo:   {}\nfelt: {}\nundo: {}\ndone: {}",
        fault.title("them"),
        joined(&injection.inject),
        joined(&injection.felt),
        joined(&injection.heal),
        joined(&injection.healed),
    )
}

pub(super) fn refused(written: &str) -> String {
    text::decode("test.yaml", written, Fault::read).expect_err("a mistake").to_string()
}

#[test]
fn every_fault_says_what_it_does_in_a_line_of_its_own() {
    for (keyword, says) in FAULTS {
        assert!(says.len() > 20 && !says.contains('\n'), "{keyword}");
        let again = FAULTS.iter().filter(|(other, _)| other == keyword);
        assert_eq!(again.count(), 1, "{keyword}");
    }
}

#[test]
fn faults_of_the_process() {
    assert_snapshot!(on(&monolith(), "kill: {role: app}"), @r"
    kill them with SIGKILL
    do:   kill app-1 with SIGKILL; kill app-2 with SIGKILL
    felt: app-1 has ended; app-1 cannot be reached; app-2 has ended; app-2 cannot be reached
    undo: start app-1; start app-2
    done: app-1 runs; app-1 is ready; app-2 runs; app-2 is ready
    ");
    assert_snapshot!(on(&monolith(), "crash: {name: app-2}"), @r"
    crash them
    do:   crash app-2 from inside
    felt: app-2 has died
    undo: start app-2
    done: app-2 runs; app-2 is ready
    ");
    assert_snapshot!(on(&monolith(), "stop: {role: database}"), @r"
    stop them gracefully
    do:   stop database-1 within 10s
    felt: database-1 has ended; database-1 cannot be reached
    undo: start database-1
    done: database-1 runs; database-1 is ready
    ");
    assert_snapshot!(on(&monolith(), "restart: {role: database, grace: 2s}"), @r"
    restart them gracefully
    do:   restart database-1, stopping it within 2s
    felt: database-1 has died; database-1 was started again
    undo: start database-1
    done: database-1 runs; database-1 is ready
    ");
    assert_snapshot!(on(&monolith(), "rolling-restart: {role: app, gap: 3s}"), @r"
    restart them gracefully, one by one
    do:   restart app-1, stopping it within 10s; restart app-2, stopping it within 10s
    felt: app-1 has died; app-1 was started again; app-2 has died; app-2 was started again
    undo: start app-1; start app-2
    done: app-1 runs; app-1 is ready; app-2 runs; app-2 is ready
    ");
    assert_snapshot!(on(&broker(), "pause: {role: broker}"), @r"
    pause them
    do:   pause rabbitmq-1
    felt: rabbitmq-1 is frozen; rabbitmq-1 does not answer
    undo: unpause rabbitmq-1; start rabbitmq-1
    done: rabbitmq-1 runs; rabbitmq-1 is ready
    ");
}

#[test]
fn faults_of_the_network() {
    assert_snapshot!(on(&broker(), "disconnect: {role: broker}"), @r"
    disconnect them
    do:   take rabbitmq-1 off its networks
    felt: rabbitmq-1 is on no network; rabbitmq-1 cannot be reached
    undo: start rabbitmq-1; put rabbitmq-1 on its networks
    done: rabbitmq-1 is on its networks; rabbitmq-1 is ready
    ");
}

#[test]
fn faults_of_resources() {
    assert_snapshot!(on(&broker(), "cpu: {role: broker, limit: 0.1}"), @r"
    limit the CPU of them to 0.100 cores
    do:   limit rabbitmq-1 to 0.100 cores
    felt: rabbitmq-1 may use 0.100 cores; rabbitmq-1 is throttled
    undo: lift the CPU limit of rabbitmq-1; start rabbitmq-1
    done: rabbitmq-1 has no CPU limit; rabbitmq-1 runs; rabbitmq-1 is ready
    ");
    assert_snapshot!(on(&broker(), "memory: {role: broker, limit: 64MiB}"), @r"
    limit the memory of them to 64MiB
    do:   limit rabbitmq-1 to 64MiB of memory
    felt: rabbitmq-1 may use 64MiB; rabbitmq-1 is short of memory
    undo: limit rabbitmq-1 to 256MiB of memory; start rabbitmq-1
    done: rabbitmq-1 may use 256MiB; rabbitmq-1 runs; rabbitmq-1 is ready
    ");
    assert_snapshot!(on(&broker(), "cpu-hog: {role: broker}"), @r"
    keep 2 threads busy in them
    do:   use up 2 busy threads in rabbitmq-1
    felt: rabbitmq-1 bears 2 busy threads
    undo: end using up 2 busy threads in rabbitmq-1; start rabbitmq-1
    done: rabbitmq-1 no longer bears 2 busy threads; rabbitmq-1 runs; rabbitmq-1 is ready
    ");
    assert_snapshot!(on(&broker(), "memory-hog: {role: broker, fill: 90%}"), @r"
    use up 90% of the memory of them
    do:   use up memory up to 230MiB in rabbitmq-1
    felt: rabbitmq-1 bears memory up to 230MiB
    undo: end using up memory up to 230MiB in rabbitmq-1; start rabbitmq-1
    done: rabbitmq-1 no longer bears memory up to 230MiB; rabbitmq-1 runs; rabbitmq-1 is ready
    ");
    assert_snapshot!(on(&broker(), "memory: {role: broker, limit: 1GiB}"), @"refused: `rabbitmq` may use no more than 1GiB without any fault");
    let mut target = broker();
    for component in &mut target.components {
        component.memory = None;
        component.cpus = Some(0.5);
    }
    assert_snapshot!(on(&target, "memory-hog: {role: broker}"), @"refused: `rabbitmq` has no limit of memory, so the host's would be used up: set `mem_limit`");
    assert_snapshot!(on(&target, "cpu: {role: broker, limit: 0.25}"), @r"
    limit the CPU of them to 0.250 cores
    do:   limit rabbitmq-1 to 0.250 cores
    felt: rabbitmq-1 may use 0.250 cores; rabbitmq-1 is throttled
    undo: limit rabbitmq-1 to 0.500 cores; start rabbitmq-1
    done: rabbitmq-1 may use 0.500 cores; rabbitmq-1 runs; rabbitmq-1 is ready
    ");
}

#[test]
fn faults_of_the_topology() {
    assert_snapshot!(on(&broker(), "swap: {name: payments, image: 'shop/payments:2'}"), @r"
    put shop/payments:2 in the place of them
    do:   put shop/payments:2 in the place of payments-1
    felt: payments-1 runs shop/payments:2; payments-1 runs
    undo: put payments-1 in its place again
    done: payments-1 runs its own image; payments-1 runs; payments-1 is ready
    ");
    assert_snapshot!(on(&broker(), "swap: {name: payments, image: x, keep: true}"), @r"
    put x in the place of them
    do:   put x in the place of payments-1
    felt: payments-1 runs x; payments-1 runs
    undo: 
    done:
    ");
    assert_snapshot!(on(&broker(), "remove: {name: payments}"), @r"
    remove them
    do:   remove payments-1
    felt: payments-1 is gone
    undo: 
    done:
    ");
    let mut redriving = broker();
    redriving.redrive = vec![Endpoint {
        component: "payments".to_owned(),
        port: 9090,
        path: "/dead/redrive".to_owned(),
        ..redriving.entry.clone()
    }];
    assert_snapshot!(on(&redriving, "redrive: {name: payments}"), @r"
    send the dead letters of them again
    do:   send dead letters again by POST /dead/redrive of payments-1:9090
    felt: payments has sent dead letters again
    undo: 
    done:
    ");
    assert_snapshot!(
        on(&redriving, "redrive: {name: orders}"),
        @"refused: broker names no place under `redrive` in `x-chaos` for `orders`"
    );
    assert_snapshot!(on(&monolith(), "scale: {role: app, replicas: 3}"), @r"
    scale them to 3
    do:   start app-3
    felt: app-3 runs
    undo: remove app-3
    done: app-3 is gone
    ");
    assert_snapshot!(on(&monolith(), "scale: {role: app, replicas: 1}"), @r"
    scale them to 1
    do:   stop app-2 within 10s
    felt: app-2 has ended
    undo: start app-2
    done: app-2 runs; app-2 is ready
    ");
    assert_snapshot!(on(&monolith(), "scale: {role: app, replicas: 2}"), @"refused: `app` has 2 replicas without any fault");
    let mut target = broker();
    target.components[3].hostname = Some("rabbitmq".to_owned());
    assert_snapshot!(on(&target, "scale: {role: broker, replicas: 2}"), @"refused: `rabbitmq` has a fixed host name, which one replica alone can have");
    assert_snapshot!(on(&broker(), "traffic: {rate: 400/s}"), @r"
    traffic of 400/s
    do:   
    felt: 
    undo: 
    done:
    ");
}

#[test]
fn faults_of_the_application() {
    let mut target = broker();
    target.components[2].environment.insert("CHAOS_SWITCH".to_owned(), String::new());
    assert_snapshot!(on(&target, "http-error: {name: payments}"), @"refused: `payments` has no admin port: no `audit` or `pending` names it");
    assert_snapshot!(on(&target, "http-error: {name: payments, port: 80}"), @"refused: `payments` has a chaos switch, where trouble is made at a place of the form `STEP.POINT`, not before a port or path");
    assert_snapshot!(on(&target, "http-error: {name: payments, at: /charge}"), @"refused: `payments` has a chaos switch, where trouble is made at a place of the form `STEP.POINT`, not before a port or path");
    let admin = crate::target::Endpoint {
        component: "payments".to_owned(),
        port: 9090,
        ..target.entry.clone()
    };
    target.audit.push(admin);
    assert_snapshot!(on(&target, "http-error: {name: payments, at: charge.before_tx, probability: 30%}"), @r#"
    answer 30% of the calls of them with 503
    do:   POST /chaos of payments-1:9090 {"at":"charge.before_tx","mode":"status","probability":0.3,"seed":7,"status":503}
    felt: payments-1 says that `acted` is above zero
    undo: start payments-1; DELETE /chaos of payments-1:9090
    done: payments-1 says that `acted` is zero; payments-1 runs; payments-1 is ready
    "#);
    assert_snapshot!(on(&target, "http-delay: {name: payments, delay: 300ms}"), @r#"
    delay 100% of the calls of them by 300ms
    do:   POST /chaos of payments-1:9090 {"at":"*.before_tx","delay_ms":300,"mode":"delay","probability":1.0,"seed":7}
    felt: payments-1 says that `acted` is above zero
    undo: start payments-1; DELETE /chaos of payments-1:9090
    done: payments-1 says that `acted` is zero; payments-1 runs; payments-1 is ready
    "#);
    assert_snapshot!(on(&target, "fail-first: {name: payments, times: 3, status: 500}"), @r#"
    fail the first 3 calls of them with 500
    do:   POST /chaos of payments-1:9090 {"at":"*.before_tx","first":3,"mode":"status","seed":7,"status":500}
    felt: payments-1 says that `acted` is above zero
    undo: start payments-1; DELETE /chaos of payments-1:9090
    done: payments-1 says that `acted` is zero; payments-1 runs; payments-1 is ready
    "#);
}

#[test]
fn a_container_without_init_cannot_be_crashed() {
    let mut target = broker();
    for component in &mut target.components {
        component.init = false;
    }
    assert_snapshot!(on(&target, "crash: {role: broker}"), @"refused: `rabbitmq` cannot be crashed, because the kernel protects process 1 of a container from inside: set `init: true` for it");
}

#[test]
fn wrong_settings_are_shown_where_they_stand() {
    assert_snapshot!(refused("stop: {role: app, grace: -2s}"), @"test.yaml:1:26: `-2s` is not a span of time, such as `5s`");
    assert_snapshot!(refused("stop: {role: app, grace: 2m}"), @"test.yaml:1:26: 2m is too long: a process ends within 1m");
    assert_snapshot!(refused("pause: {role: app, grace: 2s}"), @"test.yaml:1:20: the key `grace` is not known here (known here are `role`, `name`, `mode`)");
    assert_snapshot!(refused("rolling-restart: {role: app, gap: fast}"), @"test.yaml:1:35: `fast` is not a span of time, such as `2s`");
    assert_snapshot!(refused("cpu: {role: app, limit: 0}"), @"test.yaml:1:25: 0 cores cannot be a limit: at least 0.01 can");
    assert_snapshot!(refused("cpu: {role: app}"), @"test.yaml:1:6: `limit` is missing here");
    assert_snapshot!(refused("memory: {role: app, limit: 1MiB}"), @"test.yaml:1:28: 1MiB cannot be a limit: at least 6MiB can");
    assert_snapshot!(refused("cpu-hog: {role: app, threads: 0}"), @"test.yaml:1:31: 0 is not a number of threads from 1 to 64");
    assert_snapshot!(refused("memory-hog: {role: app, fill: 0.9}"), @"test.yaml:1:31: `0.9` is not a share from `1%` to `150%` of the limit");
    assert_snapshot!(refused("scale: {role: app, replicas: 0}"), @"test.yaml:1:30: 0 is not a number of replicas from 1 to 16");
    assert_snapshot!(refused("traffic: {rate: 0/s}"), @"test.yaml:1:17: `0/s` is not a rate, such as `200/s`");
    assert_snapshot!(refused("http-error: {role: app, at: charge, probability: 130%, status: 200}"), @r"
    test.yaml:1:29: `charge` is no place of the form `STEP.POINT` (such as `charge.before_tx` or `*.before_tx`, or a path such as `/orders/*`)
    test.yaml:1:50: `130%` is not a share in percent, such as `30%`
    test.yaml:1:64: 200 is no HTTP status of a failure (400 to 599)
    ");
    assert_snapshot!(refused("http-error: {role: app, port: 0}"), @"test.yaml:1:31: 0 is not a port from 1 to 65535");
    assert_snapshot!(refused("http-delay: {role: app, delay: 2m}"), @"test.yaml:1:32: 2m is not a delay above `0s` and up to `1m`");
    assert_snapshot!(refused("fail-first: {role: app, times: 0}"), @"test.yaml:1:32: at least the first call fails");
    assert_snapshot!(refused("kil: {role: app}"), @"test.yaml:1:1: no fault is called `kil` (did you mean `kill`?)");
}
