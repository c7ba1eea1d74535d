//! The products on sale. Prices are known to every service, stock to the inventory alone.

/// A product as it is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    /// Its stock keeping unit, for example `SKU-7`.
    pub(crate) sku: String,
    /// Price of one piece in cents.
    pub(crate) price: i64,
    /// Pieces in stock when the shop opens.
    pub(crate) initial: i64,
}

/// Ordinary products: so much stock that no run can use it up.
const ORDINARY: u32 = 20;
const AMPLE_STOCK: i64 = 1_000_000_000;
/// The one product whose stock can run out, so that selling too much would show.
const HOT_STOCK: i64 = 100;

/// Finds a product by its stock keeping unit. Every `OOS-<number>` exists and is out of stock.
pub(crate) fn find(sku: &str) -> Option<Product> {
    let (family, number) = sku.split_once('-')?;
    let number: u32 = number.parse().ok()?;
    let (price, initial) = match (family, number) {
        ("SKU", 1..=ORDINARY) => (500 + 25 * i64::from(number), AMPLE_STOCK),
        ("HOT", 1) => (1_500, HOT_STOCK),
        ("OOS", 1..=999) => (900, 0),
        _ => return None,
    };
    // Only the plain spelling names a product: neither `SKU-07` nor `SKU-+7`.
    let plain = format!("{family}-{number}");
    (plain == sku).then_some(Product { sku: plain, price, initial })
}

/// The products that have a row in the stock table from the start.
pub(crate) fn stocked() -> Vec<Product> {
    let ordinary = (1..=ORDINARY).map(|number| format!("SKU-{number}"));
    ordinary.chain(["HOT-1".into(), "OOS-1".into()]).filter_map(|sku| find(&sku)).collect()
}

#[cfg(test)]
mod tests {
    use super::{find, stocked};

    #[test]
    fn only_plain_names_of_the_three_families_exist() {
        assert_eq!(find("SKU-20").unwrap().price, 1_000);
        assert_eq!(find("OOS-17").unwrap().initial, 0);
        for unknown in ["SKU-0", "SKU-21", "SKU-07", "SKU-+7", "HOT-2", "OOS-", "", "sku-1", "-"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_stock_table_opens_with_every_ordinary_product_and_the_two_special_ones() {
        let stocked = stocked();
        assert_eq!(stocked.len(), 22);
        assert!(stocked.iter().all(|product| find(&product.sku).as_ref() == Some(product)));
    }
}
