//! A deliberately heavy request: it sorts recent orders in the database and then spends processor
//! time on a checksum, as reports and exports do in life.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use super::nothing_done;
use crate::store::Database;

/// How many of the latest orders are looked at.
const RECENT_ORDERS: i64 = 2_000;
/// Rounds of the checksum: some tens of milliseconds of one core.
const CHECKSUM_ROUNDS: u32 = 300_000;

const TOTALS: &str = "
SELECT kind || '.' || state, count(*), sum(amount)::bigint,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY amount)
FROM (SELECT * FROM orders ORDER BY accepted_at DESC LIMIT $1) AS recent
GROUP BY kind, state ORDER BY 1";

/// `GET /report`
pub(super) async fn report(State(database): State<Database>) -> Response {
    let rows = match database.rows(TOTALS, &[&RECENT_ORDERS]).await {
        Ok(rows) => rows,
        Err(error) => return nothing_done(error.to_string()),
    };
    let totals: Map<String, _> = rows
        .iter()
        .map(|row| {
            let (count, amount, high): (i64, i64, i64) = (row.get(1), row.get(2), row.get(3));
            (row.get(0), json!({ "orders": count, "amount": amount, "amount_p95": high }))
        })
        .collect();
    // On the threads that serve requests, on purpose: this is what shares the processor badly.
    let checksum = checksum(&totals);
    Json(json!({ "totals": totals, "checksum": checksum })).into_response()
}

fn checksum(totals: &Map<String, serde_json::Value>) -> String {
    let start = Sha256::digest(serde_json::to_vec(totals).expect("totals have only text keys"));
    let end = (0..CHECKSUM_ROUNDS).fold(start, |sum, _| Sha256::digest(sum));
    format!("{end:x}")
}
