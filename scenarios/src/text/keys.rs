//! The keys that a reader asks for, found out by letting it read a mapping that has none of them: a
//! schema that is made of these cannot drift away from the reader.

use super::decode::{Item, decode};

/// The keys of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Every key that is known there, in the order in which they are asked for.
    pub known: Vec<String>,
    /// Those that must be there.
    pub required: Vec<String>,
}

/// The keys that `read` asks a mapping for.
pub fn keys_of<T>(read: impl FnOnce(&Item<'_>) -> Option<T>) -> Keys {
    // No key looks like this one, so all that are known are named.
    let mistakes = decode("", "'?': ''\n", |item| read(item).and(None::<()>));
    let list = mistakes.map_or_else(|mistakes| mistakes.list, |_| Vec::new());
    let unknown = list.iter().find(|mistake| mistake.message.starts_with("the key `?`"));
    let known = unknown.and_then(|mistake| mistake.help.as_deref()).map(quoted);
    let missing = list.iter().filter(|mistake| mistake.message.ends_with("is missing here"));
    let required = missing.flat_map(|mistake| quoted(&mistake.message)).collect();
    Keys { known: known.unwrap_or_default(), required }
}

fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_tells_its_keys() {
        let keys = keys_of(|item| {
            let mut fields = item.fields()?;
            let name = fields.required("name").and_then(|item| item.text());
            let times = fields.optional("times").and_then(|item| item.parse::<u32>("a number"));
            fields.finish();
            Some((name?, times))
        });
        assert_eq!(keys.known, ["name", "times"]);
        assert_eq!(keys.required, ["name"]);
    }
}
