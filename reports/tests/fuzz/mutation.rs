//! Changes texts by chance that derives from a seed, in the ways that break readers: bytes flipped,
//! ranges removed, doubled, or taken from another text, numbers made extreme, words of the format
//! put where they do not belong.

use chaos_scenarios::random::Random;

/// Texts grow to this, bytes.
const LENGTH_MAX: usize = 64 * 1024;
/// Changes of one text, at most.
const CHANGES: u64 = 6;
/// Words that mean something in one of the formats, and numbers at the edges of theirs.
const WORDS: [&str; 40] = [
    "",
    "\n",
    " ",
    "\t",
    "  - ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "~",
    "&a ",
    "*a",
    "<<: ",
    "|\n",
    ">-\n",
    "---\n",
    "!!str ",
    "%",
    "{{",
    "}}",
    "${",
    "}",
    "\u{0}",
    "\u{feff}",
    "ä",
    "0",
    "-1",
    "1e308",
    "NaN",
    "18446744073709551615",
    "-9223372036854775808",
    "9223372036854775807",
    "4294967296",
    "null",
    "true",
    "\\u0000",
];

/// A text made of `seeds`, the `n`-th.
pub(crate) fn mutated(seeds: &[Vec<u8>], n: u64) -> Vec<u8> {
    let mut random = Random::nth(1, "mutation", n);
    let mut text = chosen(seeds, &mut random).clone();
    // Mostly few: what is broken in many places is refused at the first.
    let most = 1 + random.below(CHANGES);
    for _ in 0..=random.below(most) {
        change(&mut text, seeds, &mut random);
    }
    text.truncate(LENGTH_MAX);
    text
}

fn change(text: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let range = some_range(text.len(), random);
    match random.below(9) {
        0 if !text.is_empty() => {
            let at = index(text.len(), random);
            text[at] ^= 1 << random.below(8);
        }
        1 => drop(text.drain(range)),
        2 => {
            let doubled = text[range.clone()].to_vec();
            text.splice(range.start..range.start, doubled);
        }
        3 => {
            let other = chosen(seeds, random);
            let part = other[some_range(other.len(), random)].to_vec();
            text.splice(range, part);
        }
        4..=6 => replace_number(text, random),
        _ => {
            let word = WORDS[index(WORDS.len(), random)].bytes();
            text.splice(range.start..range.start, word.collect::<Vec<_>>());
        }
    }
}

/// Puts a word, mostly an extreme number, in the place of a number.
fn replace_number(text: &mut Vec<u8>, random: &mut Random) {
    let from = index(text.len().max(1), random);
    let Some(start) = (from..text.len()).find(|at| text[*at].is_ascii_digit()) else { return };
    let end = (start..text.len()).find(|at| !text[*at].is_ascii_digit()).unwrap_or(text.len());
    let word = WORDS[29 + index(WORDS.len() - 29, random)];
    text.splice(start..end, word.bytes());
}

/// Mostly short.
fn some_range(length: usize, random: &mut Random) -> std::ops::Range<usize> {
    let start = index(length + 1, random);
    let longest = 1 << random.below(10);
    start..(start + index(longest, random)).min(length)
}

fn index(bound: usize, random: &mut Random) -> usize {
    usize::try_from(random.below(bound as u64)).expect("it is below a length")
}

fn chosen<'a>(seeds: &'a [Vec<u8>], random: &mut Random) -> &'a Vec<u8> {
    &seeds[index(seeds.len(), random)]
}
