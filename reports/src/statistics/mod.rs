//! The few statistics that judging needs, exact where exactness is possible: quantiles of merged
//! histograms, medians, and intervals of shares. Percentiles are never averaged.

mod proportion;
mod quantile;

pub use proportion::{Interval, wilson};
pub use quantile::{Histogram, median, quantile};
