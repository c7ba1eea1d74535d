//! `chaos images`: makes the images that a run would make, for tests that start containers themselves.

use super::block_on;
use crate::cli::Show;
use crate::docker::{self, image};
use crate::exit::Failure;
use crate::terminal::images;
use crate::terminal::progress::Style;

/// Makes every image that is built here; quick where all are there.
pub fn execute(show: Show) -> Result<u8, Failure> {
    block_on(async {
        let daemon = docker::connect(false).await.map_err(Failure::environment)?;
        let all = image::built_here().into_iter().collect();
        let made = images::make(&daemon, &all, Style::detect(show.quiet)).await;
        made.map_err(Failure::environment)?;
        Ok(0)
    })
}
