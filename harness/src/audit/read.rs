//! Reads an audit: one JSON object a line, as a stream, with a bound on what is kept.

use std::sync::Arc;

use chaos_reports::record::final_state::{AuditRow, SourcedRow};
use reqwest::Client;

use crate::http;

/// Longest line of an audit, bytes.
pub(super) const LINE_BYTES: usize = 1024 * 1024;
/// Most rows that are read from one endpoint.
pub(super) const ROWS: usize = 20_000_000;

/// Why an audit could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReadError {
    /// The connection was not made, or broke: another try may help.
    #[error("{0}")]
    Connection(String),
    /// What was told is not an audit.
    #[error("{0}")]
    Told(String),
}

/// Every row that an endpoint tells.
pub(super) async fn rows(
    client: &Client,
    url: &str,
    source: &str,
) -> Result<Vec<SourcedRow>, ReadError> {
    let broken = |error| ReadError::Connection(format!("{source}: {}", http::told(error)));
    let mut answer = client.get(url).send().await.map_err(broken)?;
    if !answer.status().is_success() {
        let status = answer.status().as_u16();
        return Err(ReadError::Told(format!("{source} answered with HTTP {status}")));
    }
    let source = source.into();
    let mut lines = Lines { source, rows: Vec::new(), rest: Vec::new(), number: 0 };
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        lines.take(&chunk)?;
    }
    lines.finish()
}

struct Lines {
    source: Arc<str>,
    rows: Vec<SourcedRow>,
    rest: Vec<u8>,
    number: usize,
}

impl Lines {
    fn take(&mut self, chunk: &[u8]) -> Result<(), ReadError> {
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.line()?;
            } else if self.rest.len() > LINE_BYTES {
                return Err(self.wrong(&format!("it is longer than {LINE_BYTES} bytes")));
            }
        }
        Ok(())
    }

    fn line(&mut self) -> Result<(), ReadError> {
        let line = std::mem::take(&mut self.rest);
        let text = line.trim_ascii();
        if !text.is_empty() {
            let row: AuditRow =
                serde_json::from_slice(text).map_err(|error| self.wrong(&error.to_string()))?;
            if self.rows.len() == ROWS {
                return Err(self.wrong(&format!("there are more than {ROWS} rows")));
            }
            self.rows.push(SourcedRow::told(Arc::clone(&self.source), row));
        }
        self.number += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<SourcedRow>, ReadError> {
        if !self.rest.is_empty() {
            self.line()?;
        }
        Ok(self.rows)
    }

    fn wrong(&self, reason: &str) -> ReadError {
        ReadError::Told(format!("{}, line {}: {reason}", self.source, self.number + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&str]) -> Result<usize, ReadError> {
        let mut lines =
            Lines { source: "here".into(), rows: Vec::new(), rest: Vec::new(), number: 0 };
        for chunk in chunks {
            lines.take(chunk.as_bytes())?;
        }
        lines.finish().map(|rows| rows.len())
    }

    #[test]
    fn rows_are_read_however_the_stream_is_cut() {
        let text = "{\"table\":\"ledger\",\"entry\":\"1\",\"order\":\"a\",\"amount\":5}\n\n\
                    {\"table\":\"shipments\",\"order\":\"a\",\"state\":\"ACTIVE\"}";
        for cut in 0..text.len() {
            let (start, end) = text.split_at(cut);
            assert_eq!(read(&[start, end]), Ok(2), "cut at {cut}");
        }
    }

    #[test]
    fn a_row_that_is_none_is_told_with_its_line() {
        let error = read(&["\n{\"table\":\"legder\"}\n"]).expect_err("there is no such table");
        assert!(error.to_string().starts_with("here, line 2:"), "{error}");
    }
}
