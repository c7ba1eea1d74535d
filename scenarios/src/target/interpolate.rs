//! Variables in the texts of a Compose file, as the Compose Specification defines them. Values are
//! filled in only when containers are made, so that passwords stand in no plan; what is wrongly
//! written is found when the file is read.

use std::collections::BTreeMap;

/// Defaults may hold variables that have defaults: this deep, and no deeper.
const DEEPEST: usize = 16;

/// Why a text cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterpolationError {
    /// A `$` that begins nothing.
    #[error("`${rest}` is no variable: write `$$` for a plain dollar sign")]
    LoneDollar {
        /// What follows, cut short; empty at the end of the text.
        rest: String,
    },
    /// `${` without its `}`.
    #[error("`${{{rest}` is never closed: end the variable with `}}`")]
    Unclosed {
        /// What follows the opening brace, cut short.
        rest: String,
    },
    /// A variable without a proper name.
    #[error("`${{{written}}}` does not begin with the name of a variable (letters, digits, `_`)")]
    Name {
        /// What stands between the braces.
        written: String,
    },
    /// Something after the name that means nothing.
    #[error(
        "`{rest}` after the variable `{name}` means nothing: known are `:-`, `-`, `:?`, `?`, `:+` and `+`"
    )]
    Operator {
        /// Name of the variable.
        name: String,
        /// What follows it.
        rest: String,
    },
    /// Defaults within defaults, too many.
    #[error("variables stand more than {DEEPEST} deep within each other")]
    TooDeep,
    /// A variable that must be set.
    #[error("the variable `{name}` is needed: {message}")]
    Required {
        /// Name of the variable.
        name: String,
        /// What the file says about it.
        message: String,
    },
}

/// Fills in the variables of `text`: `$NAME`, `${NAME}` (empty where unset), `${NAME:-default}`,
/// `${NAME-default}`, `${NAME:?message}`, `${NAME?message}`, `${NAME:+other}`, `${NAME+other}`;
/// `$$` is a dollar sign. With the colon an empty value counts as unset.
pub fn interpolate(
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<String, InterpolationError> {
    let mut filled = String::with_capacity(text.len());
    resolve(&parse(text, 0)?, variables, &mut filled)?;
    Ok(filled)
}

/// Whether `text` is rightly written, whatever the variables hold.
pub(super) fn check(text: &str) -> Result<(), InterpolationError> {
    parse(text, 0).map(|_| ())
}

/// The number of bytes up to the `}` that closes a variable whose `${` stands just before `text`.
pub(super) fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((index, byte)) = bytes.next() {
        match byte {
            b'$' => {
                // `$$` is a dollar sign also here, and opens nothing.
                if let Some((_, next)) = bytes.next_if(|(_, next)| matches!(next, b'{' | b'$')) {
                    depth += usize::from(next == b'{');
                }
            }
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

enum Piece<'a> {
    Text(&'a str),
    Variable { name: &'a str, rule: Rule<'a> },
}

enum Rule<'a> {
    /// Empty where unset.
    Plain,
    Default {
        or_empty: bool,
        value: Vec<Piece<'a>>,
    },
    Required {
        or_empty: bool,
        message: Vec<Piece<'a>>,
    },
    Replace {
        or_empty: bool,
        value: Vec<Piece<'a>>,
    },
}

fn parse(text: &str, depth: usize) -> Result<Vec<Piece<'_>>, InterpolationError> {
    if depth > DEEPEST {
        return Err(InterpolationError::TooDeep);
    }
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        pieces.push(Piece::Text(before));
        let name = name_length(after);
        rest = if let Some(behind) = after.strip_prefix('$') {
            pieces.push(Piece::Text("$"));
            behind
        } else if let Some(inner) = after.strip_prefix('{') {
            let end = closing_brace(inner)
                .ok_or_else(|| InterpolationError::Unclosed { rest: shortened(inner) })?;
            pieces.push(parse_braced(&inner[..end], depth)?);
            &inner[end + 1..]
        } else if name > 0 {
            pieces.push(Piece::Variable { name: &after[..name], rule: Rule::Plain });
            &after[name..]
        } else {
            return Err(InterpolationError::LoneDollar { rest: shortened(after) });
        };
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn parse_braced(inner: &str, depth: usize) -> Result<Piece<'_>, InterpolationError> {
    let length = name_length(inner);
    if length == 0 {
        return Err(InterpolationError::Name { written: shortened(inner) });
    }
    let (name, operation) = inner.split_at(length);
    let (or_empty, operator) = match operation.strip_prefix(':') {
        Some(operator) => (true, operator),
        None => (false, operation),
    };
    let operand = |text| parse(text, depth + 1);
    let rule = match operator.split_at_checked(1) {
        Some(("-", text)) => Rule::Default { or_empty, value: operand(text)? },
        Some(("?", text)) => Rule::Required { or_empty, message: operand(text)? },
        Some(("+", text)) => Rule::Replace { or_empty, value: operand(text)? },
        None if operation.is_empty() => Rule::Plain,
        _ => {
            let (name, rest) = (name.to_owned(), shortened(operation));
            return Err(InterpolationError::Operator { name, rest });
        }
    };
    Ok(Piece::Variable { name, rule })
}

/// Length of the variable's name at the beginning of `text`, 0 if there is none.
fn name_length(text: &str) -> usize {
    let length = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    if text.starts_with(|c: char| c.is_ascii_digit()) { 0 } else { length }
}

fn shortened(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(24).collect()
}

fn resolve(
    pieces: &[Piece<'_>],
    variables: &BTreeMap<String, String>,
    filled: &mut String,
) -> Result<(), InterpolationError> {
    for piece in pieces {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Variable { name, rule } => fill(name, rule, variables, filled)?,
        }
    }
    Ok(())
}

fn fill(
    name: &str,
    rule: &Rule<'_>,
    variables: &BTreeMap<String, String>,
    filled: &mut String,
) -> Result<(), InterpolationError> {
    let value = variables.get(name).map(String::as_str);
    let set = |or_empty: bool| value.filter(|value| !(or_empty && value.is_empty()));
    match rule {
        Rule::Plain => filled.push_str(value.unwrap_or_default()),
        Rule::Default { or_empty, value } => match set(*or_empty) {
            Some(value) => filled.push_str(value),
            None => resolve(value, variables, filled)?,
        },
        Rule::Required { or_empty, message } => match set(*or_empty) {
            Some(value) => filled.push_str(value),
            None => return Err(required(name, message, variables)?),
        },
        Rule::Replace { or_empty, value } => {
            if set(*or_empty).is_some() {
                resolve(value, variables, filled)?;
            }
        }
    }
    Ok(())
}

fn required(
    name: &str,
    message: &[Piece<'_>],
    variables: &BTreeMap<String, String>,
) -> Result<InterpolationError, InterpolationError> {
    let mut text = String::new();
    resolve(message, variables, &mut text)?;
    let message = if text.is_empty() { "set it in the environment".to_owned() } else { text };
    Ok(InterpolationError::Required { name: name.to_owned(), message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fill_in(text: &str) -> Result<String, InterpolationError> {
        let variables = [("SET", "value"), ("EMPTY", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        interpolate(text, &variables.into())
    }

    #[test]
    fn every_form_of_the_specification_is_filled_in() {
        let cases = [
            ("plain", "plain"),
            ("$SET/${SET}", "value/value"),
            ("[$UNSET][${UNSET}]", "[][]"),
            ("${UNSET:-default}", "default"),
            ("${EMPTY:-default}", "default"),
            ("${EMPTY-default}", ""),
            ("${UNSET-default}", "default"),
            ("${SET:?message}", "value"),
            ("${EMPTY?message}", ""),
            ("${SET:+other}${UNSET:+other}${EMPTY:+other}${EMPTY+set}", "otherset"),
            ("${UNSET:-${ALSO_UNSET:-${SET}}}", "value"),
            ("${UNSET:-a}b}", "ab}"),
            ("$$SET $${SET} ${UNSET:-$$}", "$SET ${SET} $"),
            ("${UNSET:-with space, : and /}", "with space, : and /"),
        ];
        for (text, filled) in cases {
            assert_eq!(fill_in(text).as_deref(), Ok(filled), "{text}");
        }
    }

    #[test]
    fn what_is_wrongly_written_is_named_with_what_to_do() {
        let wrong =
            ["5 $", "a $(date)", "${SET", "${1}", "${SET!x}", "${UNSET:?}", "${E:?no $SET}"];
        let told: Vec<String> =
            wrong.iter().map(|text| fill_in(text).expect_err(text).to_string()).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        `$` is no variable: write `$$` for a plain dollar sign
        `$(date)` is no variable: write `$$` for a plain dollar sign
        `${SET` is never closed: end the variable with `}`
        `${1}` does not begin with the name of a variable (letters, digits, `_`)
        `!x` after the variable `SET` means nothing: known are `:-`, `-`, `:?`, `?`, `:+` and `+`
        the variable `UNSET` is needed: set it in the environment
        the variable `E` is needed: no value
        "#);
        let deep = "${A:-".repeat(40) + &"}".repeat(40);
        assert_eq!(fill_in(&deep), Err(InterpolationError::TooDeep));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_text_without_dollars_stays(text in "[${}:?+A-C_a-c0-9é -]{0,40}") {
            let filled = fill_in(&text);
            prop_assert!(!(filled.is_ok() && check(&text).is_err()));
            if !text.contains('$') {
                prop_assert_eq!(filled, Ok(text));
            }
        }

        #[test]
        fn doubled_dollars_protect_any_text(text in any::<String>()) {
            prop_assert_eq!(fill_in(&text.replace('$', "$$")), Ok(text));
        }
    }
}
