//! Every format, rendered from one made-up experiment.

mod fixture;
mod formats;
mod page;
