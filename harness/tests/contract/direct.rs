//! The contract without messages: steps over HTTP, the state that they leave, and how the service
//! begins, fails and ends.

use std::time::Instant;

use futures::future::join_all;

use crate::shop::{Shop, layout};
use crate::stage::{PYTHON, RUST};
use crate::{case, doors, load, outage, steps, wrong};

/// Cases of `outage`, `load` and `wrong` that are a function each.
const OTHERS: usize = 7;

#[tokio::test(flavor = "multi_thread")]
async fn both_do_steps_over_http_alike() {
    let begun = Instant::now();
    let shop = Shop::open(false).await;
    let services = [RUST, PYTHON].map(|it| shop.start(it, "direct", it.name));
    // There is no database yet: alive, not ready, and nothing is done.
    for service in &services {
        outage::nothing_works_without_a_database(service).await;
    }
    let mut sessions = Vec::new();
    for service in &services {
        shop.create(service.name).await;
        sessions.push(shop.session(service.name).await);
        service.ready().await;
    }
    let layouts = [layout(&sessions[0]).await, layout(&sessions[1]).await];
    assert!(layouts[0].len() > 20, "the tables are laid out: {:?}", layouts[0]);
    assert_eq!(layouts[0], layouts[1], "the tables differ");

    let cases: Vec<case::Case> =
        doors::cases().into_iter().chain(steps::cases()).chain(wrong::cases()).collect();
    let mut passed = [0; 2];
    for (service, passed) in services.iter().zip(&mut passed) {
        *passed += case::run(service, &cases).await;
    }
    let figures = [doors::figures(&services[0]).await, doors::figures(&services[1]).await];
    assert_eq!(figures[0], figures[1], "the figures differ");
    for path in ["/audit", "/audit/stock", "/audit/reservations", "/audit/steps"] {
        let [rust, python] = [services[0].audit(path).await, services[1].audit(path).await];
        assert!(rust.lines().count() > 5, "{path}: {rust}");
        assert_eq!(rust, python, "{path} differs");
    }
    let others = services.iter().zip(&mut sessions).map(|(service, session)| async move {
        wrong::a_body_over_the_limit_is_refused(service).await;
        load::never_more_is_sold_than_there_is(service).await;
        load::the_same_step_at_once_is_done_once(service).await;
        outage::a_silent_database_is_given_up(service, session).await;
        outage::a_stop_is_announced_and_lets_requests_finish(service, session).await;
    });
    // At the same time, because most of it is waiting for deadlines.
    join_all(others).await;
    let rates = load::each_takes_over_from_the_other(&shop, ["direct", "pipeline"]).await;
    let [rust, python] = passed.map(|passed| passed + OTHERS);
    eprintln!("contract: rust {rust} cases passed, python {python} cases passed");
    eprintln!("contract: steps a second: rust {:.0}, python {:.0}", rates[0], rates[1]);
    eprintln!("contract: {:.1} s in all", begun.elapsed().as_secs_f64());
}
