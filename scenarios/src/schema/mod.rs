//! JSON Schemas of the files that people write, for editors: they complete and mark while one types.
//! The keys are those that the decoder asks for, so the two never differ; values are described as
//! far as a schema can. What is told about a file comes from the decoder alone.

mod scenario;
mod target;
#[cfg(test)]
mod tests;
mod value;

pub use scenario::scenario;
pub use target::target;

/// The dialect of the schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
