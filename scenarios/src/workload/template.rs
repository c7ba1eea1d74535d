//! Templates of requests, parsed once and rendered for every request: whatever can be wrong in one
//! is found before the load begins, and rendering is a walk over a few pieces.

use uuid::{Builder, Uuid};

use crate::random::Random;
use crate::text::diagnostic::did_you_mean;

/// Every placeholder, as it is written.
pub const PLACEHOLDERS: [(&str, &str); 7] = [
    ("uuid", "a UUID of the request's own, `{{uuid}}`"),
    ("seq", "the number of the request, from 0, `{{seq}}`"),
    ("pick", "one of some words, `{{pick red green blue}}`"),
    ("number", "a whole number within bounds, `{{number 1 3}}`"),
    ("earlier", "the id of an order due at least 2 s earlier, `{{earlier order_id}}`"),
    ("order_id", "the id of the order that the request makes, `{{order_id}}`"),
    ("kind", "the kind of the order that the request makes, `{{kind}}`"),
];

/// Why a text is not a template for its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without its `}}`.
    #[error("`{{{{{rest}` is never closed: end the placeholder with `}}}}`")]
    Unclosed {
        /// What follows the opening braces, cut to its first line.
        rest: String,
    },
    /// No such placeholder.
    #[error("`{{{{{name}}}}}` is no placeholder{}", suggestion(.name))]
    Unknown {
        /// What was written.
        name: String,
    },
    /// A placeholder with the wrong words after it.
    #[error("`{{{{{written}}}}}` is not complete: the placeholder is {expected}")]
    Arguments {
        /// What was written.
        written: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// A placeholder that has no value in this place.
    #[error("`{{{{{name}}}}}` has no value here: {reason}")]
    Misplaced {
        /// Name of the placeholder.
        name: &'static str,
        /// Why it has none.
        reason: &'static str,
    },
}

fn suggestion(name: &str) -> String {
    match did_you_mean(name, PLACEHOLDERS.iter().map(|(known, _)| *known)) {
        Some(known) => format!(": did you mean `{{{{{known}}}}}`?"),
        None => ": known are uuid, seq, pick, number, earlier, order_id and kind".to_owned(),
    }
}

/// Where a template stands, which says what placeholders have a value there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Path, header field or body of a request that makes no order.
    Request,
    /// Path, header field or body of a request that makes an order.
    OrderRequest,
    /// The order's own id or kind.
    Ledger,
    /// The path at which an order's state is asked.
    StatusPath,
}

impl Place {
    /// Why a placeholder has no value in this place, if it has none.
    fn refusal(self, piece: &Piece) -> Option<&'static str> {
        match (self, piece) {
            (Self::Request, Piece::OrderId | Piece::Kind) => {
                Some("the request makes no order (it has no `ledger`)")
            }
            (Self::Ledger, Piece::OrderId | Piece::Kind) => {
                Some("the order's id and kind cannot be made of themselves")
            }
            (Self::Ledger, Piece::Earlier) => Some("every order has an id and a kind of its own"),
            (Self::StatusPath, Piece::OrderId | Piece::Text(_)) => None,
            (Self::StatusPath, _) => Some("the state of an order is found by `{{order_id}}` alone"),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Uuid,
    Seq,
    Pick(Vec<String>),
    Number(u64, u64),
    Earlier,
    OrderId,
    Kind,
}

impl Piece {
    fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Uuid => "uuid",
            Self::Seq => "seq",
            Self::Pick(_) => "pick",
            Self::Number(..) => "number",
            Self::Earlier => "earlier",
            Self::OrderId => "order_id",
            Self::Kind => "kind",
        }
    }
}

/// What the placeholders of one request are made of.
pub(super) struct Source<'a> {
    /// Number of the request.
    pub(super) n: u64,
    /// The request's own chance.
    pub(super) random: Random,
    /// Id of the order that it makes; empty where there is none.
    pub(super) order_id: &'a str,
    /// Kind of that order; empty where there is none.
    pub(super) kind: &'a str,
    /// Finds the id of an earlier order.
    pub(super) earlier: &'a dyn Fn(&mut Random) -> String,
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    /// Parses `text` for its place.
    pub(super) fn parse(text: &str, place: Place) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((inner, behind)) = after.split_once("}}") else {
                let first_line = after.lines().next().unwrap_or_default();
                return Err(TemplateError::Unclosed { rest: first_line.to_owned() });
            };
            push_text(&mut pieces, before);
            let piece = parse_placeholder(inner.trim())?;
            if let Some(reason) = place.refusal(&piece) {
                return Err(TemplateError::Misplaced { name: piece.name(), reason });
            }
            pieces.push(piece);
            rest = behind;
        }
        push_text(&mut pieces, rest);
        Ok(Self { pieces })
    }

    /// Whether every rendering differs from every other, also under another seed.
    pub(super) fn is_unique(&self) -> bool {
        self.pieces.contains(&Piece::Uuid)
    }

    /// Whether it asks for the id of an earlier order.
    pub(super) fn asks_earlier(&self) -> bool {
        self.pieces.contains(&Piece::Earlier)
    }

    /// Whether it shows the kind of the order.
    pub(super) fn shows_kind(&self) -> bool {
        self.pieces.contains(&Piece::Kind)
    }

    /// The text for one request.
    pub(super) fn render(&self, source: &mut Source<'_>) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(written) => text.push_str(written),
                Piece::Uuid => {
                    let mut buffer = Uuid::encode_buffer();
                    text.push_str(uuid(&mut source.random).hyphenated().encode_lower(&mut buffer));
                }
                Piece::Seq => text.push_str(&source.n.to_string()),
                Piece::Pick(words) => text.push_str(pick(words, &mut source.random)),
                Piece::Number(low, high) => {
                    let width = (high - low).saturating_add(1);
                    text.push_str(&(low + source.random.below(width)).to_string());
                }
                Piece::Earlier => text.push_str(&(source.earlier)(&mut source.random)),
                Piece::OrderId => text.push_str(source.order_id),
                Piece::Kind => text.push_str(source.kind),
            }
        }
        text
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

fn parse_placeholder(inner: &str) -> Result<Piece, TemplateError> {
    let mut words = inner.split_whitespace();
    let name = words.next().unwrap_or_default();
    let arguments: Vec<&str> = words.collect();
    let Some((_, expected)) = PLACEHOLDERS.iter().find(|(known, _)| *known == name) else {
        return Err(TemplateError::Unknown { name: name.to_owned() });
    };
    let piece = match (name, arguments.as_slice()) {
        ("uuid", []) => Some(Piece::Uuid),
        ("seq", []) => Some(Piece::Seq),
        ("pick", words @ [_, ..]) => {
            Some(Piece::Pick(words.iter().map(|word| (*word).to_owned()).collect()))
        }
        ("number", [low, high]) => bounds(low, high).map(|(low, high)| Piece::Number(low, high)),
        ("earlier", ["order_id"]) => Some(Piece::Earlier),
        ("order_id", []) => Some(Piece::OrderId),
        ("kind", []) => Some(Piece::Kind),
        _ => None,
    };
    piece.ok_or_else(|| TemplateError::Arguments { written: inner.to_owned(), expected })
}

fn bounds(low: &str, high: &str) -> Option<(u64, u64)> {
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high).then_some((low, high))
}

fn pick<'a>(words: &'a [String], random: &mut Random) -> &'a str {
    let index = random.below(words.len() as u64);
    &words[usize::try_from(index).expect("an index below a length in memory fits in usize")]
}

/// A version 4 UUID of the given chance.
fn uuid(random: &mut Random) -> Uuid {
    let (high, low) = (random.next(), random.next());
    Builder::from_u128((u128::from(high) << 64) | u128::from(low))
        .with_variant(uuid::Variant::RFC4122)
        .with_version(uuid::Version::Random)
        .into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str) -> String {
        let template = Template::parse(text, Place::OrderRequest).expect("a valid template");
        let mut source = Source {
            n: 7,
            random: Random::nth(1, "test", 7),
            order_id: "o-1",
            kind: "digital",
            earlier: &|_| "o-0".to_owned(),
        };
        template.render(&mut source)
    }

    #[test]
    fn placeholders_are_filled_and_text_is_kept() {
        insta::assert_snapshot!(
            render(r#"{"a":{"id":"{{order_id}}","n":{{number 5 5}}},"k":"{{ kind }}"} {{seq}} {{earlier order_id}} {{pick x}}"#),
            @r#"{"a":{"id":"o-1","n":5},"k":"digital"} 7 o-0 x"#
        );
        assert_eq!(render(""), "");
        assert_eq!(render("}} { plain"), "}} { plain");
    }

    #[test]
    fn a_uuid_is_a_version_4_uuid_and_the_same_again() {
        let shown = render("{{uuid}}");
        let parsed = Uuid::parse_str(&shown).expect("a UUID");
        assert_eq!(parsed.get_version_num(), 4);
        assert_eq!(parsed.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(shown, render("{{uuid}}"));
    }

    #[test]
    fn numbers_stay_within_their_bounds_even_the_widest() {
        let template = Template::parse("{{number 1 3}}", Place::Request).expect("valid");
        for n in 0..100 {
            let mut source = Source {
                n,
                random: Random::nth(1, "test", n),
                order_id: "",
                kind: "",
                earlier: &|_| String::new(),
            };
            assert!(["1", "2", "3"].contains(&template.render(&mut source).as_str()));
        }
        let widest = render(&format!("{{{{number 0 {}}}}}", u64::MAX));
        assert!(widest.parse::<u64>().is_ok(), "{widest}");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_to_do() {
        let wrong = [
            ("{{uuid", Place::Request),
            ("{{uid}}", Place::Request),
            ("{{}}", Place::Request),
            ("{{number 3 1}}", Place::Request),
            ("{{pick}}", Place::Request),
            ("{{earlier}}", Place::Request),
            ("{{order_id}}", Place::Request),
            ("{{kind}}", Place::Ledger),
            ("{{earlier order_id}}", Place::Ledger),
            ("/orders/{{uuid}}", Place::StatusPath),
        ];
        let told: Vec<String> = wrong
            .iter()
            .map(|(text, place)| Template::parse(text, *place).expect_err("wrong").to_string())
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        `{{uuid` is never closed: end the placeholder with `}}`
        `{{uid}}` is no placeholder: did you mean `{{uuid}}`?
        `{{}}` is no placeholder: known are uuid, seq, pick, number, earlier, order_id and kind
        `{{number 3 1}}` is not complete: the placeholder is a whole number within bounds, `{{number 1 3}}`
        `{{pick}}` is not complete: the placeholder is one of some words, `{{pick red green blue}}`
        `{{earlier}}` is not complete: the placeholder is the id of an order due at least 2 s earlier, `{{earlier order_id}}`
        `{{order_id}}` has no value here: the request makes no order (it has no `ledger`)
        `{{kind}}` has no value here: the order's id and kind cannot be made of themselves
        `{{earlier}}` has no value here: every order has an id and a kind of its own
        `{{uuid}}` has no value here: the state of an order is found by `{{order_id}}` alone
        "#);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[{}a-z0-9_ ]{0,40}") {
            if let Ok(template) = Template::parse(&text, Place::OrderRequest) {
                let mut source = Source {
                    n: 0,
                    random: Random::stream(0, "test"),
                    order_id: "",
                    kind: "",
                    earlier: &|_| String::new(),
                };
                template.render(&mut source);
            }
        }
    }
}
