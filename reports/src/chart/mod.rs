//! Charts as SVG, drawn here: a page of them weighs a few dozen kilobytes and needs no network,
//! where a charting library alone weighs more than a megabyte.
//!
//! Along time everything is placed in percent, across it in pixels: text keeps its size on a phone
//! and on a wall, and the same drawing is a file of its own beside a Markdown summary.

pub mod axis;
pub mod figure;
pub mod lane;
pub mod panel;
pub mod sampling;
pub mod timeline;

/// Colours and dash patterns that tell targets apart; a fifth target shares the first one's.
pub const STYLES: usize = 4;

/// A position along time as SVG takes it.
fn percent(share: f64) -> String {
    let rounded = (share * 1e5).round() / 1e3;
    format!("{rounded}%")
}
