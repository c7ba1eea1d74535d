//! Reading the files that people write. YAML becomes a tree that knows where every key and value
//! stands and in which every scalar is still text, so that `no` and `010` never change meaning; a
//! decoder then collects every mistake of the file instead of stopping at the first.
//!
//! ```
//! use chaos_scenarios::text;
//!
//! let decoded = text::decode("greeting.yaml", "name: world\ntimes: 3\n", |root| {
//!     let mut fields = root.fields()?;
//!     let name = fields.required("name").and_then(|item| item.text());
//!     let times = fields.optional("times").and_then(|item| item.parse::<u32>("a whole number"));
//!     fields.finish();
//!     Some((name?, times.unwrap_or(1)))
//! });
//! assert_eq!(decoded.expect("a valid file").0, ("world".to_owned(), 3));
//! ```

pub mod decode;
pub mod diagnostic;
pub mod keys;
pub mod tree;

pub use decode::{Fields, Item, Positions, decode};
pub use diagnostic::{Diagnostic, Diagnostics, Place};
pub use tree::Node;

#[cfg(test)]
mod tests;
