//! The built-in workload keeps its promises, and wrong files are told all their mistakes.

use std::collections::{BTreeMap, HashMap, HashSet};

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

const SEED: u64 = 20_261_122;

fn checkout() -> CompiledWorkload {
    builtin("checkout").expect("built in").compile().expect("valid")
}

fn schedule(rate: f64, arrival: Arrival, seed: u64) -> Schedule {
    let rate = Rate::per_second(rate).expect("a rate");
    Schedule::new(&[Stage { from: Span::ZERO, rate }], arrival, seed).expect("a schedule")
}

fn shown(request: &Request) -> String {
    let Request { method, path, body, ledger, .. } = request;
    let entry = ledger.as_ref().map(|entry| (entry.expect, entry.kind.as_deref()));
    format!("{method} {path} {entry:?}\n{}", body.as_deref().unwrap_or_default())
}

#[test]
fn every_built_in_workload_is_valid_and_bears_its_name() {
    for (name, _) in BUILTIN {
        let workload = builtin(name).expect("built in");
        assert_eq!(workload.name, name);
        workload.compile().expect("its templates are valid");
    }
    assert_eq!(builtin("chekout"), None);
}

#[test]
fn the_requests_of_a_seed_are_the_same_for_ever() {
    let (workload, schedule) = (checkout(), schedule(100.0, Arrival::Constant, SEED));
    let requests: Vec<String> =
        (400..405).map(|n| shown(&workload.request(SEED, n, &schedule))).collect();
    assert_snapshot!(requests.join("\n"), @r#"
    GET /catalog/SKU-9 None

    GET /catalog/SKU-20 None

    GET /catalog/SKU-4 None

    GET /orders/93358f31-f85c-46ac-a40a-d99decfab6c7 None

    POST /orders Some((Completed, Some("digital")))
    {"order_id":"3f1c1273-8d56-4833-86fc-002458aac1f0","kind":"digital","customer":"customer-779", "items":[{"sku":"SKU-17","quantity":2}], "card":"tok_ok","address":"Main Street 165"}
    "#);
}

#[test]
fn every_body_is_json_and_agrees_with_its_ledger() {
    let (workload, schedule) = (checkout(), schedule(100.0, Arrival::Constant, SEED));
    for n in 0..5_000 {
        let request = workload.request(SEED, n, &schedule);
        let (Some(body), Some(entry)) = (&request.body, &request.ledger) else { continue };
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["order_id"], entry.id.as_str());
        assert_eq!(body["kind"], entry.kind.clone().expect("a kind"));
        let out_of_stock = body["items"].as_array().expect("items").len() == 2;
        let refused = out_of_stock || body["card"] == "tok_decline" || body["address"] == "nowhere";
        assert_eq!(refused, entry.expect == Expected::Rejected, "{body}");
        assert!(!(out_of_stock && body["kind"] == "digital"), "{body}");
        assert!(!(body["address"] == "nowhere" && body["kind"] != "standard"), "{body}");
    }
}

#[test]
fn classes_and_expected_ends_have_their_shares() {
    let (workload, schedule) = (checkout(), schedule(100.0, Arrival::Constant, SEED));
    let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
    let total = 40_000_u32;
    for n in 0..u64::from(total) {
        *counts.entry(workload.request(SEED, n, &schedule).template).or_default() += 1;
    }
    for (index, request) in workload.workload().requests.iter().enumerate() {
        let share = request.weight / 100.0;
        // Five standard deviations of a binomial count: one failure in about two million seeds.
        let allowed = 5.0 * (f64::from(total) * share * (1.0 - share)).sqrt();
        let difference = f64::from(counts[&index]) - f64::from(total) * share;
        assert!(difference.abs() < allowed, "request {index}: {} of {total}", counts[&index]);
    }
}

#[test]
fn a_request_for_the_state_of_an_order_names_it() {
    let (workload, schedule) = (checkout(), schedule(100.0, Arrival::Constant, SEED));
    let mut asking = 0;
    for n in 0..2_000 {
        let request = workload.request(SEED, n, &schedule);
        let class = &workload.workload().requests[request.template].class;
        assert_eq!(request.asks.is_some(), class == "status", "{request:?}");
        if let Some(id) = request.asks {
            assert_eq!(request.path, format!("/orders/{id}"));
            asking += 1;
        }
    }
    assert!(asking > 200, "{asking}");
}

#[test]
fn no_two_orders_share_an_id_not_even_under_two_seeds() {
    let (workload, schedule) = (checkout(), schedule(100.0, Arrival::Constant, SEED));
    let mut ids = HashSet::new();
    for seed in [SEED, SEED + 1] {
        for n in 0..5_000 {
            if let Some(entry) = workload.request(seed, n, &schedule).ledger {
                assert!(ids.insert(entry.id), "request {n} of seed {seed}");
            }
        }
    }
    let canary = workload.canary(SEED, "order", 0).expect("a class of the workload");
    let entry = canary.ledger.clone().expect("a canary of orders is an order");
    assert_eq!(entry.expect, Expected::Completed);
    assert!(canary.body.expect("a body").contains(&entry.id));
    assert_eq!(
        workload.status_path(canary.template, &entry.id),
        Some(format!("/orders/{}", entry.id))
    );
    assert!(ids.insert(entry.id), "the canary's id is one of the load's");
    assert_eq!(workload.canary(SEED, "ordre", 0), None);
}

/// Every request that asks for an earlier order, with what it asks for.
fn asked(workload: &CompiledWorkload, seed: u64, schedule: &Schedule) -> Vec<(u64, String)> {
    let status = |n| {
        let request = workload.request(seed, n, schedule);
        request.path.strip_prefix("/orders/").map(|id| (n, id.to_owned()))
    };
    (0..3_000).filter_map(status).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn earlier_orders_are_due_at_least_two_seconds_before(
        rate in 20.0_f64..2_000.0, poisson in any::<bool>(), seed in any::<u64>(),
    ) {
        let workload = checkout();
        let arrival = if poisson { Arrival::Poisson } else { Arrival::Constant };
        let schedule = schedule(rate, arrival, seed);
        let ordered: HashMap<String, u64> = (0..3_000)
            .filter_map(|n| Some((workload.request(seed, n, &schedule).ledger?.id, n)))
            .collect();
        let first = ordered.values().min().copied().unwrap_or(u64::MAX);
        for (n, id) in asked(&workload, seed, &schedule) {
            let due = schedule.due(n);
            match ordered.get(&id) {
                Some(order) => prop_assert!(schedule.due(*order) + EARLIER <= due),
                None => prop_assert!(first == u64::MAX || schedule.due(first) + EARLIER > due),
            }
        }
    }

    #[test]
    fn a_request_depends_on_seed_and_number_alone(seed in any::<u64>(), n in 0_u64..100_000) {
        let make = || {
            let schedule = schedule(500.0, Arrival::Poisson, seed);
            checkout().request(seed, n, &schedule)
        };
        prop_assert_eq!(make(), make());
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC*|(version|name|requests|: |\n|  - |[0-9{}]){0,30}") {
        let _ = decode("x.yaml", &text);
    }
}

fn mistakes(text: &str) -> String {
    decode("mine.yaml", text).expect_err("it is wrong").to_string()
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let text = "\
version: 2
name: mine
headline: ordr
timeout: soon
requests:
  - class: order
    weight: 0
    method: post
    path: orders/{{uid}}
    acept: [200]
    bound: 0s
    ledger: {id: order-1, expect: done, status-path: '/orders/{{seq}}'}
  - class: Browse
    weight: many
    method: GET
    path: items
    accept: []
    bound: 1s
    headers: {x: '{{order_id}}'}
";
    assert_snapshot!(mistakes(text), @r#"
    mine.yaml:1:10: version 2 of workloads is not known (write `1`)
    mine.yaml:3:11: no class of this workload is called `ordr` (did you mean `order`?)
    mine.yaml:4:10: `soon` is not a span of time, such as `500ms` or `3s`
    mine.yaml:6:5: `accept` is missing here
    mine.yaml:7:13: `0` is not a number above 0, such as `60` or `0.5`
    mine.yaml:8:13: no method is called `post` (known here are `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD`)
    mine.yaml:9:11: `{{uid}}` is no placeholder: did you mean `{{uuid}}`?
    mine.yaml:10:5: the key `acept` is not known here (did you mean `accept`?)
    mine.yaml:11:12: a length of time above 0 is needed here
    mine.yaml:12:18: orders of two runs would share this id (write `{{uuid}}` in it)
    mine.yaml:12:35: no expected end of an order is called `done` (known here are `completed`, `rejected`, `either`)
    mine.yaml:12:54: `{{seq}}` has no value here: the state of an order is found by `{{order_id}}` alone
    mine.yaml:13:12: `Browse` is not a name (use `a-z`, `0-9` and `-`)
    mine.yaml:14:13: `many` is not a number above 0, such as `60` or `0.5`
    mine.yaml:16:11: the path `items` must begin with `/`
    mine.yaml:17:13: at least one status must be accepted
    mine.yaml:19:18: `{{order_id}}` has no value here: the request makes no order (it has no `ledger`)
    "#);
}

#[test]
fn mistakes_between_the_parts_are_told_too() {
    let request = "method: GET, path: '/{{earlier order_id}}', accept: [200]";
    assert_snapshot!(mistakes(&format!("\
version: 1
name: mine
headline: ordr
timeout: 1s
requests:
  - {{class: order, weight: 1, bound: 2s, {request}}}
")), @r#"
    mine.yaml:3:11: no class of this workload is called `ordr` (did you mean `order`?)
    mine.yaml:6:38: the bound 2s is above the timeout 1s (a slower answer is never seen)
    mine.yaml:6:61: `{{earlier order_id}}` needs a request that makes orders (add `ledger` to the request that makes them)
    "#);
    assert_snapshot!(mistakes(&format!("\
version: 1
name: mine
headline: ordr
timeout: 1s
requests:
  - {{class: order, weight: 1, bound: 1s, {request}}}
  - {{class: order, weight: 1, bound: 900ms, {request}}}
")), @r#"
    mine.yaml:3:11: no class of this workload is called `ordr` (did you mean `order`?)
    mine.yaml:6:61: `{{earlier order_id}}` needs a request that makes orders (add `ledger` to the request that makes them)
    mine.yaml:7:38: class `order` already has the bound 1s (give all requests of a class one bound)
    mine.yaml:7:64: `{{earlier order_id}}` needs a request that makes orders (add `ledger` to the request that makes them)
    "#);
    assert_snapshot!(mistakes("\
version: 1
name: mine
headline: ordr
timeout: 1s
requests:
  - class: order
    weight: 1
    method: POST
    path: /orders/{{kind}}
    accept: [201]
    bound: 1s
    ledger: {id: '{{uuid}}', expect: completed}
"), @r#"
    mine.yaml:3:11: no class of this workload is called `ordr` (did you mean `order`?)
    mine.yaml:9:11: `{{kind}}` has no value here: the order has no kind (add `kind` to the `ledger` of this request)
    "#);
}
