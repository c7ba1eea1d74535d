//! The formats of a report. Each is a pure function of the same data: rendering a record again
//! gives the same bytes.

mod headline;
mod html;
mod json;
mod junit;
mod markdown;
mod value;
mod view;

use crate::judge::report::ExperimentReport;

/// A file of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Path below the report's folder, with `/` between its parts.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Artifact {
    fn text(path: impl Into<String>, text: String) -> Self {
        Self { path: path.into(), bytes: text.into_bytes() }
    }
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A value does not fit into JSON.
    #[error("report.json could not be written: {0}")]
    Json(#[from] serde_json::Error),
    /// A value does not fit into XML.
    #[error("junit.xml could not be written: {0}")]
    JUnit(#[from] quick_junit::SerializeError),
}

/// A way to write a report.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// What a person asks for, such as `html`.
    pub name: &'static str,
    /// What it is for, in one line.
    pub describe: &'static str,
    /// Writes it.
    pub render: fn(&ExperimentReport) -> Result<Vec<Artifact>, RenderError>,
}

/// Every format.
pub const FORMATS: &[Format] = &[
    Format {
        name: "html",
        describe: "index.html: one page with charts, for people; needs no network",
        render: html::render,
    },
    Format {
        name: "json",
        describe: "report.json: every figure and the full timelines, for programs",
        render: json::render,
    },
    Format {
        name: "junit",
        describe: "junit.xml: one case per expectation, for a CI server",
        render: junit::render,
    },
    Format {
        name: "md",
        describe: "summary.md with timeline-*.svg: fits a CI step summary",
        render: markdown::render,
    },
];

/// The format of a name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}
