//! Steps over HTTP that go well or are refused: forward and back, again, and in the wrong order.

use serde_json::json;

use crate::case::{Case, case, done, error, refused, step, undone};
use crate::order::{order, request, request_of_epoch, request_with};

const TOMBSTONE: &str = "the step was undone before it arrived";
const OLD_EPOCH: &str = "a newer pipeline manager has taken over";

pub(crate) fn cases() -> Vec<Case> {
    let mut all = forward_and_back();
    all.extend(refusals());
    all.extend([epochs(), lenient()]);
    all
}

fn forward_and_back() -> Vec<Case> {
    let one = |id: &str| request(id, &[("SKU-1", 3), ("SKU-2", 1)]);
    vec![
        case(
            "a step that is asked for twice is done once",
            [step("reserve", one("s-1"), done()), step("reserve", one("s-1"), done())],
        ),
        case(
            "what is reserved is consumed once",
            [
                step("reserve", one("s-2"), done()),
                step("consume", one("s-2"), done()),
                step("consume", one("s-2"), done()),
            ],
        ),
        case(
            "what is undone stays undone",
            [
                step("reserve", one("s-3"), done()),
                step("reserve/compensate", one("s-3"), undone()),
                step("reserve/compensate", one("s-3"), undone()),
                step("reserve", one("s-3"), error(409, TOMBSTONE)),
            ],
        ),
        case(
            "a step that arrives after it was undone is refused",
            [
                step("reserve/compensate", one("s-4"), undone()),
                step("reserve", one("s-4"), error(409, TOMBSTONE)),
                step("reserve/compensate", one("s-4"), undone()),
            ],
        ),
        case(
            "consuming where nothing is reserved changes nothing",
            [step("consume", one("s-5"), done())],
        ),
        case(
            "what is consumed is not given back",
            [
                step("reserve", one("s-6"), done()),
                step("consume", one("s-6"), done()),
                step("consume/compensate", one("s-6"), undone()),
                step("reserve/compensate", one("s-6"), undone()),
                step("consume", one("s-6"), error(409, TOMBSTONE)),
            ],
        ),
        case(
            "an order of one kind is as good as another's",
            [
                step("reserve", kind("s-7", "pickup"), done()),
                step("reserve", kind("s-8", "digital"), done()),
            ],
        ),
    ]
}

fn kind(id: &str, kind: &str) -> String {
    format!(r#"{{"order":{}}}"#, order(id, kind, &[("SKU-4", 2)]))
}

fn refusals() -> Vec<Case> {
    let none = |id: &str| request(id, &[("OOS-1", 1)]);
    vec![
        case(
            "what is out of stock is refused, and refused again",
            [step("reserve", none("r-1"), refused()), step("reserve", none("r-1"), refused())],
        ),
        case(
            "a product that never had stock is refused",
            [step("reserve", request("r-2", &[("OOS-17", 1)]), refused())],
        ),
        case(
            "all pieces of an order are set aside, or none",
            [step("reserve", request("r-3", &[("OOS-1", 1), ("SKU-5", 4)]), refused())],
        ),
        case(
            "more than there is is refused, all that there is is not",
            [
                step("reserve", request("r-4", &[("HOT-1", 101)]), refused()),
                step("reserve", request("r-5", &[("HOT-1", 100)]), done()),
                step("reserve", request("r-6", &[("HOT-1", 1)]), refused()),
                step("reserve/compensate", request("r-5", &[("HOT-1", 100)]), undone()),
            ],
        ),
        case(
            "what was refused can be undone, and leaves a tombstone",
            [
                step("reserve", none("r-7"), refused()),
                step("reserve/compensate", none("r-7"), undone()),
                step("reserve", none("r-7"), error(409, TOMBSTONE)),
            ],
        ),
    ]
}

fn epochs() -> Case {
    let of = request_of_epoch;
    case(
        "only the newest manager is obeyed, in both directions",
        [
            step("reserve", of("e-1", 5), done()),
            step("reserve", of("e-2", 4), error(409, OLD_EPOCH)),
            step("reserve", of("e-2", -1), error(409, OLD_EPOCH)),
            step("reserve/compensate", of("e-1", 4), error(409, OLD_EPOCH)),
            step("reserve", of("e-1", 5), done()),
            step("consume", of("e-1", 6), done()),
            step("reserve", of("e-3", 5), error(409, OLD_EPOCH)),
            step("reserve", request("e-4", &[("SKU-2", 1)]), done()),
            step("reserve", of("e-5", i64::MAX), done()),
        ],
    )
}

fn lenient() -> Case {
    let unknown = request("l-1", &[("SKU-6", 1)]).replace("{\"order\"", "{\"note\":[1],\"order\"");
    let no_epoch = request("l-2", &[("SKU-6", 1)]).replace("}}", "},\"epoch\":null}");
    case(
        "unknown fields, no epoch and any letters are fine",
        [
            step("reserve", unknown, done()),
            step("reserve", no_epoch, done()),
            step("reserve", request_with("l-3", "/order/customer", json!("Ωñ \"\\\n😀")), done()),
            step("reserve", request_with("l-4", "/order/card", json!("é".repeat(64))), done()),
        ],
    )
}
