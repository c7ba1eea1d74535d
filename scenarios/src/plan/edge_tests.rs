//! Edges between components in plans: what is refused, where it stands, and what stands for what in
//! another target.

use insta::assert_snapshot;

use super::fixture::{broker, monolith};
use super::tests::{compile, file, refused, timeline};
use crate::target::Target;

fn refused_on(target: &Target, rest: &str) -> String {
    compile(&file(rest), target).expect_err("a scenario that does not fit").to_string()
}

#[test]
fn an_end_that_does_not_exist_is_shown_where_it_stands() {
    let method = |fault: &str| format!("method:\n  - fault: {{{fault}}}\n");
    let wrong = [
        "partition: {from: app, to: databse}",
        "partition: {from: ap, to: database}",
        "partition: {from: [app, prxy], to: database}",
        "partition: {from: app, to: [database, rabbitmq]}",
        "loss: {share: 1%, name: app, to: {role: broker}}",
        "loss: {share: 1%, from: {role: broker}, to: app}",
        "loss: {share: 1%, role: all, to: app}",
        "loss: {share: 0%, role: app}",
        "loss: {share: 101%, role: app}",
        "latency: {delay: -1s, role: app}",
    ];
    let told = wrong.map(|fault| match crate::scenario::decode("test.yaml", &text(fault)) {
        Err(diagnostics) => diagnostics.to_string(),
        Ok(_) => refused(&method(fault)),
    });
    assert_snapshot!(told.join("\n"), @r"
    test.yaml:4:40: monolith has no component called `databse` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    test.yaml:4:31: monolith has no component called `ap` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    test.yaml:4:37: monolith has no component called `prxy` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    test.yaml:4:51: monolith has no component called `rabbitmq` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    test.yaml:4:46: monolith has no component with the role `broker` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    test.yaml:4:37: monolith has no component with the role `broker` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)
    test.yaml:4:46: `app` cannot be cut off from itself: name another component
    test.yaml:4:27: the share of packets is above `0%` and up to `100%`
    test.yaml:4:27: `101%` is not a share in percent, such as `5%`
    test.yaml:4:30: `-1s` is not a span of time, such as `100ms`
    ");
}

fn text(fault: &str) -> String {
    format!("version: 1\ntitle: A test\nmethod:\n  - fault: {{{fault}}}\n")
}

#[test]
fn an_edge_that_is_missing_may_mean_that_the_scenario_does_not_apply() {
    let rest = "method:\n  - fault: {partition: {from: app, to: {role: broker}}}\n    on-missing: not-applicable\n";
    let plan = compile(&file(rest), &monolith()).expect("a plan that is not run");
    assert_snapshot!(plan.not_applicable.unwrap_or_default(), @"monolith has no component with the role `broker`");
    // What no target can have is a mistake all the same.
    let wrong = rest.replace("from: app, to: {role: broker}", "from: {role: app}, to: app-2");
    assert_snapshot!(refused(&wrong), @"test.yaml:4:48: `app` cannot be cut off from itself: name another component");
}

#[test]
fn another_target_has_other_edges() {
    let rest = concat!(
        "method:\n",
        "  - fault: {partition: {from: app, to: {role: database}}}\n",
        "    for: 3s\n",
        "    analogue: {broker: {from: payments, to: {role: broker}}}\n",
    );
    assert_snapshot!(timeline(&compile(&file(rest), &monolith()).expect("it fits")), @"1 0s-3s cut app ×2 off from role database");
    let plan = compile(&file(rest), &broker()).expect("it fits");
    assert_snapshot!(timeline(&plan), @"1 0s-3s cut payments off from role broker (the analogue of `app` and role `database` here)");
    assert_snapshot!(plan.timeline[0].injection.inject[0].to_string(), @"make a black hole from and to rabbitmq at payments-1");
    let wrong = rest.replace("{role: broker}", "[rabbitmq, rabitmq]");
    assert_snapshot!(refused_on(&broker(), &wrong), @"test.yaml:6:56: broker has no component called `rabitmq` (it has proxy (proxy), orders (service), payments (service), rabbitmq (broker); name an `analogue` for broker, or say `on-missing: not-applicable`)");
    let wrong = rest.replace("from: payments", "from: pay");
    assert_snapshot!(refused_on(&broker(), &wrong), @"test.yaml:6:31: broker has no component called `pay` (it has proxy (proxy), orders (service), payments (service), rabbitmq (broker); name an `analogue` for broker, or say `on-missing: not-applicable`)");
    let kill =
        "method:\n  - fault: {kill: {role: app}}\n    analogue: {broker: {from: payments}}\n";
    let mistake = crate::scenario::decode("test.yaml", &format!("version: 1\ntitle: A\n{kill}"));
    assert_snapshot!(mistake.expect_err("no edge").to_string(), @r"
    test.yaml:5:24: it is not said which components are meant (add `role:` or `name:`)
    test.yaml:5:25: the key `from` is not known here (known here are `role`, `name`, `mode`)
    ");
}

#[test]
fn impairments_of_one_replica_go_together_unless_they_contradict() {
    let two = |one: &str, other: &str| {
        format!(
            "method:\n  - {{for: 5s, fault: {{{one}}}}}\n  - {{at: 2s, for: 5s, fault: {{{other}}}}}\n"
        )
    };
    let loss = "loss: {share: 1%, name: app-1}";
    let fits = [
        "latency: {delay: 1s, role: app}",
        "loss: {share: 1%, name: app-2}",
        "rate: {limit: 1Mbit/s, role: app}",
        "kill: {name: app-1}",
    ];
    for other in fits {
        compile(&file(&two(loss, other)), &monolith()).unwrap_or_else(|error| panic!("{error}"));
    }
    let edges = two(
        "partition: {from: app, to: database}",
        "partition: {from: app, to: proxy, behaviour: reject}",
    );
    compile(&file(&edges), &monolith()).expect("different edges");
    let contradict = [
        two(loss, "loss: {share: 2%, role: app}"),
        two(loss, "loss: {share: 2%, from: app-1, to: database}"),
        two(loss, "partition: {from: app, to: database}"),
        two(
            "partition: {from: app, to: database}",
            "partition: {from: app, to: database, behaviour: reject}",
        ),
    ];
    assert_snapshot!(contradict.map(|rest| refused(&rest)).join("\n"), @r"
    test.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change what becomes of its packets (let one end before the other begins, or choose other replicas)
    test.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change what becomes of its packets (let one end before the other begins, or choose other replicas)
    test.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change what becomes of its packets (let one end before the other begins, or choose other replicas)
    test.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change what becomes of its packets (let one end before the other begins, or choose other replicas)
    ");
}
