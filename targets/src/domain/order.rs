//! An order as the customer sends it, and the rules that it must keep before anything is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::product;

/// Bounds of a request: generous for people, small enough that no sum can overflow.
const LONGEST_TEXT: usize = 128;
const LONGEST_ID: usize = 64;
const MOST_ITEMS: usize = 20;
const MOST_PIECES: i64 = 1_000;

/// Which steps an order goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Reserve, charge, ship.
    Standard,
    /// Reserve, charge; the customer fetches it.
    Pickup,
    /// Charge, grant access; there are no goods.
    Digital,
}

impl Kind {
    /// Every kind there is.
    pub(crate) const ALL: [Self; 3] = [Self::Standard, Self::Pickup, Self::Digital];

    /// The name in requests, routing keys and audits.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Pickup => "pickup",
            Self::Digital => "digital",
        }
    }

    /// Whether goods have to be set aside.
    pub(crate) fn needs_stock(self) -> bool {
        self != Self::Digital
    }
}

/// Some pieces of one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// The product.
    pub(crate) sku: String,
    /// How many pieces, 1 to 1000.
    pub(crate) quantity: i64,
}

/// The request body, before any rule has been checked.
#[derive(Debug, Deserialize)]
struct Request {
    order_id: String,
    kind: Kind,
    customer: String,
    items: Vec<Item>,
    card: String,
    #[serde(default)]
    address: String,
}

/// An order that keeps all rules: at most one item per product, sorted by product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Chosen by the customer; the key under which a repeated request is recognised.
    pub(crate) id: String,
    /// Which steps it goes through.
    pub(crate) kind: Kind,
    /// Who ordered.
    pub(crate) customer: String,
    /// What, sorted by product: also the order in which stock rows are locked.
    pub(crate) items: Vec<Item>,
    /// The token that stands for a card.
    pub(crate) card: String,
    /// Where to.
    pub(crate) address: String,
    /// What it costs, in cents.
    pub(crate) amount: i64,
}

/// Why a request body is not an order. Nothing has been changed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum OrderError {
    /// The body is not JSON at all.
    #[error("the body is not valid JSON: {0}")]
    NotJson(String),
    /// The body is JSON, but a field is missing or has the wrong type.
    #[error("the body is not an order: {0}")]
    WrongShape(String),
    /// A field is outside its bounds.
    #[error("{field} {problem}")]
    Invalid {
        /// The field.
        field: String,
        /// What is wrong with it and what is allowed.
        problem: String,
    },
}

impl OrderError {
    fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }
}

impl Order {
    /// Reads a request body and checks every rule.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, OrderError> {
        let request: Request = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                OrderError::WrongShape(error.to_string())
            } else {
                OrderError::NotJson(error.to_string())
            }
        })?;
        request.check()
    }

    /// Checks every rule again, for an order that another service has sent.
    pub(crate) fn check(&self) -> Result<(), OrderError> {
        let Self { id, kind, customer, items, card, address, .. } = self.clone();
        let request = Request { order_id: id, kind, customer, items, card, address };
        if request.check()? == *self {
            return Ok(());
        }
        let problem = "must be sorted by sku, and amount what they cost";
        Err(OrderError::invalid("items", problem))
    }

    /// A fingerprint of the whole request: a repeated id with another one is a mistake.
    pub(crate) fn digest(&self) -> String {
        let text = serde_json::to_vec(self).expect("an order has only text keys");
        format!("{:x}", Sha256::digest(text))
    }

    /// The products, sorted.
    pub(crate) fn skus(&self) -> Vec<&str> {
        self.items.iter().map(|item| item.sku.as_str()).collect()
    }
}

impl Request {
    fn check(self) -> Result<Order, OrderError> {
        check_id(&self.order_id)?;
        check_text("customer", &self.customer, false)?;
        check_text("card", &self.card, false)?;
        check_text("address", &self.address, self.kind != Kind::Standard)?;
        let items = merge(self.items)?;
        let amount = price(&items)?;
        Ok(Order {
            id: self.order_id,
            kind: self.kind,
            customer: self.customer,
            items,
            card: self.card,
            address: self.address,
            amount,
        })
    }
}

fn check_id(id: &str) -> Result<(), OrderError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(plain) {
        let problem = format!("must be 1 to {LONGEST_ID} letters, digits, `-`, `_` or `.`");
        return Err(OrderError::invalid("order_id", problem));
    }
    Ok(())
}

fn check_text(field: &str, text: &str, may_be_empty: bool) -> Result<(), OrderError> {
    // A NUL is legal in JSON, but no text column can hold it.
    let fits = text.len() <= LONGEST_TEXT && !text.contains('\0');
    if !fits || (text.is_empty() && !may_be_empty) {
        let problem = format!("must be 1 to {LONGEST_TEXT} bytes of text");
        return Err(OrderError::invalid(field, problem));
    }
    Ok(())
}

/// Adds up items of the same product and sorts by product.
fn merge(items: Vec<Item>) -> Result<Vec<Item>, OrderError> {
    if items.is_empty() || items.len() > MOST_ITEMS {
        return Err(OrderError::invalid("items", format!("must be 1 to {MOST_ITEMS} items")));
    }
    let mut pieces: BTreeMap<String, i64> = BTreeMap::new();
    for (position, item) in items.into_iter().enumerate() {
        let quantity = pieces.entry(item.sku).or_default();
        *quantity = quantity.saturating_add(item.quantity);
        if item.quantity < 1 || *quantity > MOST_PIECES {
            let problem = format!("must be 1 to {MOST_PIECES} pieces");
            return Err(OrderError::invalid(format!("items[{position}].quantity"), problem));
        }
    }
    Ok(pieces.into_iter().map(|(sku, quantity)| Item { sku, quantity }).collect())
}

fn price(items: &[Item]) -> Result<i64, OrderError> {
    items.iter().try_fold(0, |sum, item| {
        let product = product::find(&item.sku).ok_or_else(|| {
            let name: String = item.sku.chars().take(LONGEST_ID).collect();
            OrderError::invalid("items", format!("name the unknown sku `{}`", name.escape_debug()))
        })?;
        Ok(sum + product.price * item.quantity)
    })
}

/// A plain order for tests.
#[cfg(test)]
pub(crate) fn sample(id: &str, kind: Kind) -> Order {
    let body = serde_json::json!({
        "order_id": id, "kind": kind, "customer": "ada", "card": "tok_ok", "address": "Main St 1",
        "items": [{"sku": "SKU-1", "quantity": 2}],
    });
    Order::parse(body.to_string().as_bytes()).expect("the sample is an order")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
    use serde_json::{Value, json};

    use super::{Order, OrderError};

    fn body() -> Value {
        json!({
            "order_id": "o-1", "kind": "standard", "customer": "ada", "card": "tok_ok",
            "address": "Main St 1",
            "items": [{"sku": "SKU-2", "quantity": 1}, {"sku": "SKU-1", "quantity": 2},
                      {"sku": "SKU-2", "quantity": 3}],
        })
    }

    fn with(field: &str, value: Value) -> Result<Order, OrderError> {
        let mut body = body();
        body[field] = value;
        Order::parse(body.to_string().as_bytes())
    }

    #[test]
    fn items_are_merged_sorted_and_priced() {
        let order = Order::parse(body().to_string().as_bytes()).unwrap();
        assert_eq!(order.skus(), ["SKU-1", "SKU-2"]);
        assert_eq!(order.amount, 2 * 525 + 4 * 550);
    }

    #[test]
    fn an_order_from_elsewhere_is_checked_like_one_from_a_customer() {
        let order = Order::parse(body().to_string().as_bytes()).unwrap();
        assert_eq!(order.check(), Ok(()));
        let cheaper = Order { amount: 1, ..order.clone() };
        let nameless = Order { id: String::new(), ..order.clone() };
        let unsorted = Order { items: order.items.iter().rev().cloned().collect(), ..order };
        for wrong in [cheaper, nameless, unsorted] {
            assert!(matches!(wrong.check(), Err(OrderError::Invalid { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn every_broken_rule_names_its_field() {
        let cases = [
            ("order_id", json!("")),
            ("order_id", json!("a b")),
            ("order_id", json!("x".repeat(65))),
            ("customer", json!("")),
            ("card", json!("a\u{0}b")),
            ("address", json!("")),
            ("items", json!([])),
            ("items", json!([{"sku": "SKU-99", "quantity": 1}])),
            ("items[0].quantity", json!([{"sku": "SKU-1", "quantity": 0}])),
            ("items[0].quantity", json!([{"sku": "SKU-1", "quantity": -1}])),
            ("items[0].quantity", json!([{"sku": "SKU-1", "quantity": i64::MAX}])),
            (
                "items[1].quantity",
                json!([{"sku": "SKU-1", "quantity": 600}, {"sku": "SKU-1", "quantity": 600}]),
            ),
        ];
        for (field, value) in cases {
            let name = field.split('[').next().unwrap();
            match with(name, value.clone()) {
                Err(OrderError::Invalid { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{field} = {value} gave {other:?}"),
            }
        }
    }

    #[test]
    fn wrong_shapes_and_broken_json_are_told_apart() {
        for wrong in [("kind", json!("express")), ("items", json!("SKU-1")), ("card", json!(7))] {
            assert!(matches!(with(wrong.0, wrong.1), Err(OrderError::WrongShape(_))));
        }
        let huge = r#"{"order_id":"a","items":[{"sku":"SKU-1","quantity":1e99}]}"#;
        assert!(matches!(Order::parse(huge.as_bytes()), Err(OrderError::WrongShape(_))));
        assert!(matches!(Order::parse(b"{"), Err(OrderError::NotJson(_))));
        assert!(matches!(Order::parse(b"\xff\xfe"), Err(OrderError::NotJson(_))));
    }

    #[test]
    fn the_digest_follows_the_content_alone() {
        let order = with("customer", json!("ada")).unwrap();
        assert_eq!(order.digest(), with("unknown", json!(1)).unwrap().digest());
        assert_ne!(order.digest(), with("customer", json!("bob")).unwrap().digest());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Order::parse(&bytes).is_err());
        }

        #[test]
        fn any_legal_quantities_keep_the_amount_exact(pieces in proptest::collection::vec(1i64..50, 1..=20)) {
            let items: Vec<Value> = pieces
                .iter()
                .enumerate()
                .map(|(position, quantity)| json!({"sku": format!("SKU-{}", position + 1), "quantity": quantity}))
                .collect();
            let order = with("items", Value::from(items)).unwrap();
            let expected: i64 = (525..).step_by(25).zip(&pieces).map(|(price, count)| price * count).sum();
            prop_assert_eq!(order.amount, expected);
        }
    }
}
