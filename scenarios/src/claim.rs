//! The claims that the scenarios put to the test, from `claims.yaml`.

use std::sync::LazyLock;

use serde::Serialize;

use crate::text::{self, Diagnostics, Item};

/// One claim about an architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The name by which scenarios call it, such as `broker.message-waits`.
    pub id: String,
    /// Its number, from 1.
    pub number: u32,
    /// What it is about: an architecture, or `errors`.
    pub group: String,
    /// The claim in one sentence.
    pub says: String,
}

static CLAIMS: LazyLock<Vec<Claim>> = LazyLock::new(|| {
    decode("claims.yaml", include_str!("claims.yaml")).expect("a test decodes the embedded claims")
});

/// Every claim, in the order of the file.
pub fn all() -> &'static [Claim] {
    &CLAIMS
}

/// The claim of a name.
pub fn find(id: &str) -> Option<&'static Claim> {
    all().iter().find(|claim| claim.id == id)
}

/// Reads a file of claims: group → name → `{number, says}`.
pub fn decode(file: &str, text: &str) -> Result<Vec<Claim>, Diagnostics> {
    let (claims, _) = text::decode(file, text, |root| {
        let groups = root.entries()?;
        let read = groups.iter().map(|(group, item)| {
            let claims = item.entries()?;
            claims.iter().map(|(id, item)| claim(group.text, id.text, item)).collect()
        });
        read.collect::<Option<Vec<Vec<Claim>>>>()
    })?;
    Ok(claims.into_iter().flatten().collect())
}

fn claim(group: &str, id: &str, item: &Item<'_>) -> Option<Claim> {
    let mut fields = item.fields()?;
    let number = fields.required("number").and_then(|item| item.parse("a whole number"));
    let says = fields.required("says").and_then(|item| item.text());
    fields.finish();
    Some(Claim { id: id.to_owned(), number: number?, group: group.to_owned(), says: says? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twenty_five_claims_are_all_there() {
        let mut numbers: Vec<u32> = all().iter().map(|claim| claim.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=25).collect::<Vec<_>>());
        assert!(all().iter().all(|claim| claim.id.starts_with(&claim.group)));
        assert_eq!(find("broker.hostage-to-broker").expect("a claim").number, 11);
    }
}
