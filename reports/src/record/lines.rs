//! Files of one JSON value per line, as a run leaves them behind: what a writer could not finish is
//! an end, everything else that cannot be read is an error. Nothing is skipped in silence.

use serde::de::DeserializeOwned;

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line} cannot be read ({reason}); the file was changed or damaged after the run")]
pub struct LineError {
    /// What the file is called.
    pub file: String,
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// The lines of a file, and whether its last one was torn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines<T> {
    /// What was read, in the order of the file.
    pub items: Vec<T>,
    /// Whether the file ends within a line, as after the death of its writer.
    pub torn: bool,
}

/// One line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawLine<'a> {
    /// Number of the line, from 1.
    pub(super) number: usize,
    /// Its bytes without the line end.
    pub(super) bytes: &'a [u8],
    /// Whether it has its line end.
    pub(super) complete: bool,
}

/// The lines of a file that are not empty.
pub(super) fn split(bytes: &[u8]) -> impl Iterator<Item = RawLine<'_>> {
    bytes.split_inclusive(|byte| *byte == b'\n').enumerate().filter_map(|(index, line)| {
        let complete = line.ends_with(b"\n");
        let bytes = line.strip_suffix(b"\n").unwrap_or(line);
        (!bytes.is_empty()).then_some(RawLine { number: index + 1, bytes, complete })
    })
}

/// Reads a file of orders or audit rows, called `file` in errors; `bytes` are decompressed already.
pub fn read<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<Lines<T>, LineError> {
    let mut items = Vec::new();
    for line in split(bytes) {
        match serde_json::from_slice(line.bytes) {
            Ok(item) => items.push(item),
            // Only the last line can lack its end.
            Err(_) if !line.complete => return Ok(Lines { items, torn: true }),
            Err(error) => {
                let (file, reason) = (file.to_owned(), error.to_string());
                return Err(LineError { file, line: line.number, reason });
            }
        }
    }
    Ok(Lines { items, torn: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_its_end_is_an_end_and_any_other_damage_an_error() {
        let read = |text: &str| read::<u32>("orders.jsonl", text.as_bytes());
        assert_eq!(read("1\n2\n"), Ok(Lines { items: vec![1, 2], torn: false }));
        assert_eq!(read("1\n2"), Ok(Lines { items: vec![1, 2], torn: false }));
        assert_eq!(read("1\n{"), Ok(Lines { items: vec![1], torn: true }));
        let error = read("1\n{\n3\n").expect_err("damage in the middle");
        assert!(error.to_string().starts_with("orders.jsonl:2 cannot be read"), "{error}");
        let error = read("1\nx\n").expect_err("a whole line that is no value");
        assert_eq!(error.line, 2);
    }
}
