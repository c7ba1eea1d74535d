//! Mistakes in files, drawn in place: the lines of the file, the wrong bytes marked, and what to do.

use chaos_scenarios::text::{Diagnostic, Diagnostics};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource};

/// Lines up to so many bytes are drawn; a mistake on a longer one is told in words.
const LONGEST_LINE: usize = 1000;

/// Sets up how diagnostics are drawn, for the whole process.
pub fn install() {
    // Only fails if a hook is set already, and then that one is as good.
    let _ = miette::set_hook(Box::new(|_| Box::new(handler())));
}

/// Draws the mistakes of files on standard error.
pub fn show(files: &[Diagnostics]) {
    for file in files {
        for diagnostic in &file.list {
            super::tell(drawn(file, diagnostic).trim_end());
        }
    }
    let count: usize = files.iter().map(|file| file.list.len()).sum();
    let word = if count == 1 { "mistake" } else { "mistakes" };
    super::error(&format!("{count} {word}; nothing was started"));
}

fn drawn(file: &Diagnostics, diagnostic: &Diagnostic) -> String {
    if longest_line_at(&file.text, diagnostic) > LONGEST_LINE {
        return diagnostic.to_string();
    }
    let Diagnostic { file: name, line, column, span, message, label, help } = diagnostic;
    let length = (span.end - span.start).max(1).min(file.text.len().saturating_sub(span.start));
    let marked =
        LabeledSpan::at(span.start..span.start + length, label.clone().unwrap_or_default());
    let mut report = MietteDiagnostic::new(message.clone()).with_label(marked);
    if let Some(help) = help {
        report = report.with_help(help);
    }
    let source = NamedSource::new(name, file.text.clone());
    let report = miette::Report::new(report).with_source_code(source);
    let mut text = String::new();
    match handler().render_report(&mut text, report.as_ref()) {
        Ok(()) => text,
        Err(_) => format!("{name}:{line}:{column}: {message}\n"),
    }
}

/// Bytes of the longest line that would be drawn: that of the mistake, and one before and after.
fn longest_line_at(text: &str, diagnostic: &Diagnostic) -> usize {
    let lines = text.lines().skip(diagnostic.line.saturating_sub(2)).take(3);
    lines.map(str::len).max().unwrap_or_default()
}

fn handler() -> GraphicalReportHandler {
    let colors = console::colors_enabled_stderr();
    let theme = if colors { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    GraphicalReportHandler::new_themed(theme).with_width(100)
}
