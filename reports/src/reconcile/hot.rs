//! The one article whose stock can run out: no more of it is given out than there was, and nobody is
//! refused while there certainly was enough.

use chaos_scenarios::workload::Expected;

use super::Case;
use super::known::{Known, KnownOrder, State};
use crate::record::final_state::AuditRow;

/// The article.
const HOT: &str = "HOT-1";
/// The reason of a refusal that stock decides.
const OUT_OF_STOCK: &str = "out_of_stock";

/// An order that holds, or held, some of the article, and during which time at most; microseconds
/// of wall clock.
struct Holder<'a> {
    id: &'a str,
    price: Option<i64>,
    /// At most, pieces.
    quantity: i128,
    /// In the end, pieces.
    kept: i128,
    from: i64,
    until: i64,
}

/// Violations, or why it cannot be judged.
pub(super) fn violations(
    cases: &[&Case<'_>],
    known: &Known<'_>,
) -> Result<Vec<String>, &'static str> {
    let stock = known.stock.iter().find_map(|row| match row {
        AuditRow::Stock { sku, initial, .. } if sku == HOT => Some(i128::from(*initial)),
        _ => None,
    });
    let stock = stock.ok_or("the target has no article HOT-1")?;
    let holders: Vec<Holder<'_>> = known.orders.iter().filter_map(Holder::of).collect();
    let given: i128 = holders.iter().map(|it| it.kept).sum();
    let oversold = (given > stock).then(|| format!("{HOT}: {given} given out of {stock}"));
    let refused = cases.iter().filter_map(|case| refused_in_vain(case, &holders, stock));
    Ok(oversold.into_iter().chain(refused).collect())
}

impl<'a> Holder<'a> {
    fn of(order: &'a KnownOrder<'a>) -> Option<Self> {
        let rows = order.rows.iter().filter_map(|row| match &row.row {
            AuditRow::Reservations { sku, quantity, state, .. } if sku == HOT => {
                Some((i128::from(*quantity), state != "RELEASED"))
            }
            _ => None,
        });
        let (mut quantity, mut kept) = (0, 0);
        for (of_row, holds) in rows {
            quantity += of_row;
            kept += if holds { of_row } else { 0 };
        }
        let until = order.terminal_at().filter(|_| kept == 0).unwrap_or(i64::MAX);
        let from = order.accepted_at().unwrap_or(i64::MIN);
        let (id, price) = (order.id, order.amount());
        (quantity > 0).then_some(Self { id, price, quantity, kept, from, until })
    }
}

/// An order that was refused although all others together left enough, even if each of them held
/// its part all the time that it was open. How much it asked for is told by its price: as much as
/// another order of that price; where nobody ever got any, all of the stock would have been too
/// little.
fn refused_in_vain(case: &Case<'_>, holders: &[Holder<'_>], stock: i128) -> Option<String> {
    let order = case.known?;
    let decided = order.state() == Some(State::Rejected) && order.reason() == Some(OUT_OF_STOCK);
    if !decided || case.order.expect != Expected::Either {
        return None;
    }
    let (from, until) =
        (order.accepted_at().unwrap_or(i64::MIN), order.terminal_at().unwrap_or(i64::MAX));
    let others = holders.iter().filter(|it| it.id != order.id);
    let held: i128 =
        others.filter(|it| it.from <= until && it.until >= from).map(|it| it.quantity).sum();
    let of_price = holders.iter().find(|it| it.price.is_some() && it.price == order.amount());
    let wanted = match of_price {
        Some(holder) => holder.quantity,
        None if holders.is_empty() => 1,
        None => return None,
    };
    (stock - held >= wanted).then(|| {
        format!("{} was refused {wanted} of {HOT} while {} were free", order.id, stock - held)
    })
}
