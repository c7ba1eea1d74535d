//! What a scenario may not say, as a table: every line is refused with its place and reason when the
//! file is read, or when it is put to a target.

use insta::assert_snapshot;

use crate::plan::fixture::{broker, monolith, workload};
use crate::plan::profile::Profile;
use crate::plan::{Plan, PlanRequest};
use crate::scenario::decode;
use crate::target::Target;

/// What is told of a scenario with this method, on a target with the mode `hardened`.
fn told(target: &Target, method: &str) -> String {
    let text = format!("version: 1\ntitle: A test\nmethod:\n{method}");
    let source = match decode("x.yaml", &text) {
        Ok(source) => source,
        Err(mistakes) => return mistakes.to_string(),
    };
    let made = Plan::compile(&PlanRequest {
        source: &source,
        target,
        workload: &workload(),
        each: source.scenario.for_each.map(|_| "app"),
        mode: "hardened",
        profile: Profile::Quick,
        seed: 1,
        repeat: 1,
        overrides: &crate::plan::Overrides::default(),
        capabilities: &crate::plan::capability::Capabilities::default(),
    });
    made.map_or_else(|error| error.to_string(), |plan| format!("TAKEN: {}", plan.title))
}

/// The same for faults, one scenario each.
fn of_faults(target: &Target, faults: &[&str]) -> String {
    let told = faults
        .iter()
        .map(|fault| format!("{fault}\n  {}", told(target, &format!("  - fault: {{{fault}}}\n"))));
    told.collect::<Vec<_>>().join("\n")
}

#[test]
fn selectors_that_mean_nothing() {
    assert_snapshot!(of_faults(&monolith(), &[
        "kill: {}",
        "kill: {role: broker}",
        "kill: {role: borker}",
        "kill: {role: app, name: app}",
        "kill: {name: app-3}",
        "kill: {name: ''}",
        "kill: {name: '*'}",
        "kill: {name: [app]}",
        "kill: {role: each}",
        "kill: {role: app, mode: some}",
        "kill: {role: app, mode: fixed-percent}",
        "kill: {role: app, mode: {fixed-percent: 0}}",
        "kill: {role: app, mode: {fixed-percent: 101}}",
        "kill: {role: app, mode: {fixed-percent: 50%}}",
        "kill: {role: app, mode: {fixed-percent: 50, one: 1}}",
        // What we ourselves put beside or before components belongs to no target.
        "kill: {name: app-1-proxy}",
        "kill: {name: app-1-behind}",
        "kill: {name: own-program}",
        "kill: {name: network-app-1}",
    ]), @r"
    kill: {}
      x.yaml:4:19: it is not said which components are meant (add `role:` or `name:`)
    kill: {role: broker}
      x.yaml:4:26: monolith has no component with the role `broker` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    kill: {role: borker}
      x.yaml:4:26: no role is called `borker` (did you mean `broker`?)
    kill: {role: app, name: app}
      x.yaml:4:37: `role` and `name` exclude each other (keep one)
    kill: {name: app-3}
      x.yaml:4:26: monolith has no component called `app-3` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    kill: {name: ''}
      x.yaml:4:26: monolith has no component called `` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    kill: {name: '*'}
      x.yaml:4:26: monolith has no component called `*` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    kill: {name: [app]}
      x.yaml:4:26: expected a text, found a list
    kill: {role: each}
      x.yaml:4:5: `role: each` means the component that a run is about (add `for-each: component` to the scenario)
    kill: {role: app, mode: some}
      x.yaml:4:37: no mode is called `some` (known here are `all`, `one`, `random`)
    kill: {role: app, mode: fixed-percent}
      x.yaml:4:37: `fixed-percent` needs a number (write `mode: {fixed-percent: 50}`)
    kill: {role: app, mode: {fixed-percent: 0}}
      x.yaml:4:53: 0 is not a whole number from 1 to 100
    kill: {role: app, mode: {fixed-percent: 101}}
      x.yaml:4:53: 101 is not a whole number from 1 to 100
    kill: {role: app, mode: {fixed-percent: 50%}}
      x.yaml:4:53: `50%` is not a whole number from 1 to 100
    kill: {role: app, mode: {fixed-percent: 50, one: 1}}
      x.yaml:4:57: the key `one` is not known here (known here: `fixed-percent`)
    kill: {name: app-1-proxy}
      x.yaml:4:26: monolith has no component called `app-1-proxy` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    kill: {name: app-1-behind}
      x.yaml:4:26: monolith has no component called `app-1-behind` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    kill: {name: own-program}
      x.yaml:4:26: monolith has no component called `own-program` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    kill: {name: network-app-1}
      x.yaml:4:26: monolith has no component called `network-app-1` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    ");
}

#[test]
fn peers_and_shares_that_mean_nothing() {
    assert_snapshot!(of_faults(&broker(), &[
        "latency: {role: broker, delay: 100ms, to: nobody}",
        "partition: {from: payments, to: payments}",
        "partition: {from: nobody, to: payments}",
        "loss: {role: broker, share: 0%}",
        "loss: {role: broker, share: 101%}",
        "loss: {role: broker, share: -1%}",
        "loss: {role: broker, share: 5}",
        "http-error: {role: broker, probability: 0%}",
        "http-error: {role: broker, probability: 101%}",
        "memory-hog: {role: broker, fill: 0%}",
        "memory-hog: {role: broker, fill: 151%}",
    ]), @r"
    latency: {role: broker, delay: 100ms, to: nobody}
      x.yaml:4:55: broker has no component called `nobody` (it has proxy (proxy), orders (service), payments (service), rabbitmq (broker); name an `analogue` for broker, or say `on-missing: not-applicable`)
    partition: {from: payments, to: payments}
      x.yaml:4:45: `payments` cannot be cut off from itself: name another component
    partition: {from: nobody, to: payments}
      x.yaml:4:31: broker has no component called `nobody` (it has proxy (proxy), orders (service), payments (service), rabbitmq (broker); name an `analogue` for broker, or say `on-missing: not-applicable`)
    loss: {role: broker, share: 0%}
      x.yaml:4:41: the share of packets is above `0%` and up to `100%`
    loss: {role: broker, share: 101%}
      x.yaml:4:41: `101%` is not a share in percent, such as `5%`
    loss: {role: broker, share: -1%}
      x.yaml:4:41: `-1%` is not a share in percent, such as `5%`
    loss: {role: broker, share: 5}
      x.yaml:4:41: `5` is not a share in percent, such as `5%`
    http-error: {role: broker, probability: 0%}
      x.yaml:4:53: 0% is not a share above `0%` and up to `100%`
    http-error: {role: broker, probability: 101%}
      x.yaml:4:53: `101%` is not a share in percent, such as `30%`
    memory-hog: {role: broker, fill: 0%}
      x.yaml:4:46: `0%` is not a share from `1%` to `150%` of the limit
    memory-hog: {role: broker, fill: 151%}
      x.yaml:4:46: `151%` is not a share from `1%` to `150%` of the limit
    ");
}

#[test]
fn spans_that_mean_nothing() {
    let steps = [
        "{at: -1s, fault: {kill: {role: app}}}",
        "{for: -1s, fault: {kill: {role: app}}}",
        "{for: 0s, fault: {kill: {role: app}}}",
        "{for: 10m1s, fault: {kill: {role: app}}}",
        "{for: 99999999999999999999s, fault: {kill: {role: app}}}",
        "{at: 1h59m59s, for: 2s, fault: {kill: {role: app}}}",
        "{for: 5, fault: {kill: {role: app}}}",
        "{at: soon, fault: {kill: {role: app}}}",
        "{at: {after: other}, fault: {kill: {role: app}}}",
        "{at: {phase: recovery}, fault: {kill: {role: app}}}",
        "{pulse: {off: 0s, on: 1s, times: 3}, fault: {kill: {role: app}}}",
        "{pulse: {off: 1s, on: -1s, times: 3}, fault: {kill: {role: app}}}",
        "{pulse: {off: 1s, on: 1s, times: 1}, fault: {kill: {role: app}}}",
        "{pulse: {off: 1s, on: 1s, times: 101}, fault: {kill: {role: app}}}",
        "{pulse: {off: 50s, on: 50s, times: 100}, fault: {kill: {role: app}}}",
        "{for: 1s, pulse: {off: 1s, on: 1s, times: 2}, fault: {kill: {role: app}}}",
        "{for: 9m, fault: {stop: {role: app, grace: 61s}}}",
        "{fault: {latency: {role: app, delay: 11s}}}",
        "{fault: {http-delay: {role: app, delay: 61s}}}",
    ];
    let told =
        steps.map(|step| format!("{step}\n  {}", told(&monolith(), &format!("  - {step}\n"))));
    assert_snapshot!(told.join("\n"), @r"
    {at: -1s, fault: {kill: {role: app}}}
      x.yaml:4:10: `-1s` is not a span of time, such as `500ms`, `30s` or `1m30s`
    {for: -1s, fault: {kill: {role: app}}}
      x.yaml:4:11: `-1s` is not a span of time, such as `500ms`, `30s` or `1m30s`
    {for: 0s, fault: {kill: {role: app}}}
      x.yaml:4:11: a fault lasts longer than 0s
    {for: 10m1s, fault: {kill: {role: app}}}
      x.yaml:4:11: 10m1s is too long: a fault lasts at most 10m
    {for: 99999999999999999999s, fault: {kill: {role: app}}}
      x.yaml:4:11: `99999999999999999999s` is not a span of time, such as `500ms`, `30s` or `1m30s`
    {at: 1h59m59s, for: 2s, fault: {kill: {role: app}}}
      x.yaml:4:25: this fault ends at 2h1s; a timeline ends within 2h
    {for: 5, fault: {kill: {role: app}}}
      x.yaml:4:11: `5` is not a span of time, such as `500ms`, `30s` or `1m30s`
    {at: soon, fault: {kill: {role: app}}}
      x.yaml:4:10: `soon` is not a span of time, such as `500ms`, `30s` or `1m30s`
    {at: {after: other}, fault: {kill: {role: app}}}
      x.yaml:4:18: no earlier step has the id `other` (give an earlier step this `id`)
    {at: {phase: recovery}, fault: {kill: {role: app}}}
      x.yaml:4:10: `after` is missing here
    x.yaml:4:11: the key `phase` is not known here (known here are `after`, `plus`)
    {pulse: {off: 0s, on: 1s, times: 3}, fault: {kill: {role: app}}}
      x.yaml:4:19: a fault lasts longer than 0s
    {pulse: {off: 1s, on: -1s, times: 3}, fault: {kill: {role: app}}}
      x.yaml:4:27: `-1s` is not a span of time, such as `500ms`, `30s` or `1m30s`
    {pulse: {off: 1s, on: 1s, times: 1}, fault: {kill: {role: app}}}
      x.yaml:4:38: a pulse comes 2 to 100 times
    {pulse: {off: 1s, on: 1s, times: 101}, fault: {kill: {role: app}}}
      x.yaml:4:38: a pulse comes 2 to 100 times
    {pulse: {off: 50s, on: 50s, times: 100}, fault: {kill: {role: app}}}
      x.yaml:4:13: this fault ends at 2h45m50s; a timeline ends within 2h
    {for: 1s, pulse: {off: 1s, on: 1s, times: 2}, fault: {kill: {role: app}}}
      x.yaml:4:11: `for` and `pulse` exclude each other (`off` is the length)
    {for: 9m, fault: {stop: {role: app, grace: 61s}}}
      x.yaml:4:48: 1m1s is too long: a process ends within 1m
    {fault: {latency: {role: app, delay: 11s}}}
      x.yaml:4:42: 11s is not a time above `0s` and up to `10s`
    {fault: {http-delay: {role: app, delay: 61s}}}
      x.yaml:4:45: 1m1s is not a delay above `0s` and up to `1m`
    ");
}

#[test]
fn faults_that_contradict_each_other() {
    let pairs = [
        ("kill: {role: app}", "pause: {name: app-1}"),
        ("kill: {role: app}", "remove: {name: app-2}"),
        ("swap: {name: app, image: x}", "rolling-restart: {role: app}"),
        ("stop: {role: app}", "scale: {role: app, replicas: 1}"),
        ("memory: {role: app, limit: 50MiB}", "memory: {name: app-1, limit: 60MiB}"),
        ("memory-hog: {role: app}", "restart: {role: app}"),
        ("loss: {role: app, share: 5%}", "partition: {from: app, to: database}"),
        ("disconnect: {role: app}", "disconnect: {role: all}"),
        ("traffic: {rate: 10/s}", "traffic: {rate: 20/s}"),
    ];
    let told = pairs.map(|(one, other)| {
        let step = |fault: &str| {
            let length = if fault.starts_with("remove") { "" } else { "for: 4s, " };
            format!("  - {{at: 1s, {length}fault: {{{fault}}}}}\n")
        };
        format!("{one} | {other}\n  {}", told(&monolith(), &(step(one) + &step(other))))
    });
    assert_snapshot!(told.join("\n"), @r"
    kill: {role: app} | pause: {name: app-1}
      x.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change whether it runs (let one end before the other begins, or choose other replicas)
    kill: {role: app} | remove: {name: app-2}
      x.yaml:5:5: this fault acts on app-2 while step 1 of the method still does, and both change whether it runs (let one end before the other begins, or choose other replicas)
    swap: {name: app, image: x} | rolling-restart: {role: app}
      x.yaml:5:19: a `rolling-restart` lasts as long as it takes
    stop: {role: app} | scale: {role: app, replicas: 1}
      x.yaml:5:5: this fault acts on app-2 while step 1 of the method still does, and both change whether it runs (let one end before the other begins, or choose other replicas)
    memory: {role: app, limit: 50MiB} | memory: {name: app-1, limit: 60MiB}
      x.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change its memory limit (let one end before the other begins, or choose other replicas)
    memory-hog: {role: app} | restart: {role: app}
      x.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and one changes the memory used up inside it, the other whether it runs (let one end before the other begins, or choose other replicas)
    loss: {role: app, share: 5%} | partition: {from: app, to: database}
      x.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change what becomes of its packets (let one end before the other begins, or choose other replicas)
    disconnect: {role: app} | disconnect: {role: all}
      x.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change its networks (let one end before the other begins, or choose other replicas)
    traffic: {rate: 10/s} | traffic: {rate: 20/s}
      x.yaml:5:5: this traffic begins while that of step 1 lasts
    ");
}
