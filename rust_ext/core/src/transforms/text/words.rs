//! Capital letters and frequent words.
//!
//! A word is a longest run of letters: those of ASCII, and all bytes above, of which UTF-8 makes the others. One that
//! begins with a capital is written small behind a mark and a space, so that the same word is the same context, and
//! is preceded by the same byte, wherever it stands. Words that take most room are bytes that the text uses rarely
//! or never; where it uses one of them itself, an escape stands before.

use super::{reserved, Parts};
use crate::{Error, Result};
use std::collections::HashMap;

/// Longest word that a byte stands for: what bounds the size of a text by that of its stream.
const MAX_WORD: usize = 24;
/// Words are counted in so many bytes, out of the whole text.
const COUNTED_BYTES: usize = 1 << 21;
/// Parts of the text that are counted or passed over.
const PART_BYTES: usize = 1 << 14;
/// Bytes that a word must save, and how many for each escape that its code makes necessary.
const MIN_GAIN: usize = 64;
const ESCAPE_COST: usize = 4;
/// Bytes of the set of codes.
const SET_BYTES: usize = 32;

/// Bytes with a meaning of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Itself,
    Escape,
    Capital,
    Upper,
    Word(u8),
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// As it is.
    Same,
    /// The first letter is a capital, the only one.
    Capital,
    /// Two capitals or more and no small letter.
    Upper,
}

fn case(word: &[u8]) -> Case {
    let capitals = word.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    if capitals == 1 && word[0].is_ascii_uppercase() {
        Case::Capital
    } else if capitals > 1 && !word.iter().any(u8::is_ascii_lowercase) {
        Case::Upper
    } else {
        Case::Same
    }
}

/// Splits off the bytes up to the next word, and that word.
fn next_word<'a>(rest: &mut &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let begin = rest.iter().position(|&byte| is_letter(byte));
    let (before, after) = rest.split_at(begin.unwrap_or(rest.len()));
    let end = after.iter().position(|&byte| !is_letter(byte));
    let (word, after) = after.split_at(end.unwrap_or(after.len()));
    *rest = after;
    (before, word)
}

/// A short word in small letters if it is to be written so.
struct Key {
    bytes: [u8; MAX_WORD],
    len: usize,
}

impl Key {
    fn new(word: &[u8], case: Case) -> Option<Self> {
        if word.len() > MAX_WORD {
            return None;
        }
        let mut bytes = [0; MAX_WORD];
        bytes[..word.len()].copy_from_slice(word);
        if case != Case::Same {
            bytes.make_ascii_lowercase();
        }
        Some(Self {
            bytes,
            len: word.len(),
        })
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Counts the words in evenly spaced parts of the text; returns also out of how many parts one was counted.
fn count(text: &[u8], capitals: bool) -> (HashMap<Vec<u8>, usize>, usize) {
    let every = (text.len() / COUNTED_BYTES).max(1);
    let mut counts = HashMap::<Vec<u8>, usize>::new();
    for part in text.chunks(PART_BYTES).step_by(every) {
        let mut rest = part;
        while !rest.is_empty() {
            let (_, word) = next_word(&mut rest);
            let case = if capitals { case_of(word) } else { Case::Same };
            let Some(key) = Key::new(word, case).filter(|key| key.len > 1) else {
                continue;
            };
            if let Some(count) = counts.get_mut(key.as_slice()) {
                *count += 1;
            } else {
                counts.insert(key.as_slice().to_vec(), 1);
            }
        }
    }
    (counts, every)
}

fn case_of(word: &[u8]) -> Case {
    if word.is_empty() {
        Case::Same
    } else {
        case(word)
    }
}

/// Bytes with a meaning, and the words that they stand for.
struct Code {
    escape: u8,
    marks: Option<[u8; 2]>,
    set: [bool; 256],
    words: Vec<Vec<u8>>,
}

impl Code {
    /// Finds the words that take most room, and bytes for them.
    #[allow(clippy::cast_possible_truncation)] // byte values
    fn new(text: &[u8], parts: Parts) -> Self {
        let mut uses = [0_usize; 256];
        for &byte in text {
            uses[usize::from(byte)] += 1;
        }
        // Rare ones first, and of those that are not used at all the ones far from the letters.
        let mut free: Vec<u8> = (0..=255_u8)
            .rev()
            .filter(|&byte| !byte.is_ascii_alphanumeric() && byte != b' ' && byte != b'\n')
            .collect();
        free.sort_by_key(|&byte| uses[usize::from(byte)]);
        let mut free = free.into_iter();
        let mut take = || free.next().unwrap_or_default();
        let escape = take();
        let marks = parts.capitals.then(|| [take(), take()]);

        let (counts, every) = if parts.words {
            count(text, parts.capitals)
        } else {
            (HashMap::new(), 1)
        };
        let mut gains: Vec<(usize, Vec<u8>)> = counts
            .into_iter()
            .filter_map(|(word, count)| {
                let saved = count * every * (word.len() - 1);
                let gain = saved.checked_sub(word.len() + 1 + MIN_GAIN)?;
                Some((gain, word))
            })
            .collect();
        gains.sort_unstable_by(|one, other| other.cmp(one));
        let mut set = [false; 256];
        let mut words = Vec::new();
        for ((gain, word), byte) in gains.into_iter().zip(free) {
            if gain < uses[usize::from(byte)] * ESCAPE_COST {
                break;
            }
            set[usize::from(byte)] = true;
            words.push(word);
        }
        words.sort_unstable();
        Self {
            escape,
            marks,
            set,
            words,
        }
    }

    /// What each byte means.
    #[allow(clippy::cast_possible_truncation)] // fewer words than bytes
    fn meanings(&self) -> Result<[Meaning; 256]> {
        let mut meanings = [Meaning::Itself; 256];
        let marks = self
            .marks
            .map(|[capital, upper]| [(capital, Meaning::Capital), (upper, Meaning::Upper)]);
        let marks = marks.as_ref().map_or(&[][..], |marks| &marks[..]);
        let codes = (0..=255).filter(|&byte| self.set[usize::from(byte)]);
        let codes = codes
            .zip(0..=255)
            .map(|(byte, word)| (byte, Meaning::Word(word)));
        let all = [(self.escape, Meaning::Escape)];
        for (byte, meaning) in all.into_iter().chain(marks.iter().copied()).chain(codes) {
            let place = &mut meanings[usize::from(byte)];
            if *place != Meaning::Itself {
                return Err(Error::Corrupt {
                    what: "one byte with two meanings in a text",
                });
            }
            *place = meaning;
        }
        Ok(meanings)
    }
}

/// The words and their bytes, by the first letter: few begin with the same one.
struct Lookup<'a>(Vec<Vec<(&'a [u8], u8)>>);

impl<'a> Lookup<'a> {
    fn new(code: &'a Code) -> Self {
        let mut by_first = vec![Vec::new(); 256];
        let bytes = (0..=255_u8).filter(|&byte| code.set[usize::from(byte)]);
        for (word, byte) in code.words.iter().zip(bytes) {
            by_first[usize::from(word[0])].push((&word[..], byte));
        }
        Self(by_first)
    }

    fn find(&self, word: &[u8]) -> Option<u8> {
        let words = &self.0[usize::from(*word.first()?)];
        words
            .iter()
            .find(|(other, _)| *other == word)
            .map(|&(_, byte)| byte)
    }
}

/// Rewrites a text; `flags` are the first byte.
pub fn forward(text: &[u8], flags: u8, parts: Parts) -> Result<Vec<u8>> {
    let code = Code::new(text, parts);
    let mut coded = reserved(text.len() + text.len() / 8)?;
    coded.extend([flags, code.escape]);
    coded.extend(code.marks.iter().flatten());
    if parts.words {
        for eight in code.set.chunks_exact(8) {
            let bits = eight.iter().rev();
            coded.push(bits.fold(0, |set, &has| set << 1 | u8::from(has)));
        }
    }
    for word in &code.words {
        coded.extend_from_slice(word);
        coded.push(b'\n');
    }

    let meanings = code.meanings()?;
    let codes = Lookup::new(&code);
    let write = |coded: &mut Vec<u8>, byte: u8| {
        if meanings[usize::from(byte)] != Meaning::Itself {
            coded.push(code.escape);
        }
        coded.push(byte);
    };
    let mut rest = text;
    while !rest.is_empty() {
        let (before, word) = next_word(&mut rest);
        for &byte in before {
            write(&mut coded, byte);
        }
        let case = code.marks.map_or(Case::Same, |_| case_of(word));
        if let (Some([capital, upper]), true) = (code.marks, case != Case::Same) {
            coded.push(if case == Case::Capital {
                capital
            } else {
                upper
            });
            coded.push(b' ');
        }
        if let Some(key) = Key::new(word, case) {
            if let Some(byte) = codes.find(key.as_slice()) {
                coded.push(byte);
                continue;
            }
        }
        for byte in word {
            let small = case != Case::Same;
            write(
                &mut coded,
                if small {
                    byte.to_ascii_lowercase()
                } else {
                    *byte
                },
            );
        }
    }
    Ok(coded)
}

/// Undoes [`forward`], and returns the first byte with the text.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Corrupt`] when the stream is not a text.
pub fn inverse(coded: &[u8], parts: Parts) -> Result<(u8, Vec<u8>)> {
    let mut rest = coded;
    let flags = take_one(&mut rest)?;
    let escape = take_one(&mut rest)?;
    let marks = if parts.capitals {
        Some([take_one(&mut rest)?, take_one(&mut rest)?])
    } else {
        None
    };
    let bits = if parts.words {
        rest.split_off(..SET_BYTES).ok_or(TRUNCATED)?
    } else {
        &[0; SET_BYTES]
    };
    let set = std::array::from_fn(|byte| bits[byte / 8] >> (byte % 8) & 1 != 0);
    let mut words = Vec::new();
    for _ in set.iter().filter(|&&has| has) {
        let longest = &rest[..rest.len().min(MAX_WORD + 1)];
        let end = longest.iter().position(|&byte| byte == b'\n');
        let word = end.and_then(|end| rest.split_off(..=end));
        let Some(word) = word.and_then(<[u8]>::split_last) else {
            return Err(if rest.len() > MAX_WORD {
                Error::Corrupt {
                    what: "long word of a text",
                }
            } else {
                TRUNCATED
            });
        };
        words.push(word.1.to_vec());
    }
    let code = Code {
        escape,
        marks,
        set,
        words,
    };
    Ok((flags, expand(rest, &code)?))
}

const TRUNCATED: Error = Error::Truncated { what: "text" };
const BAD_MARK: Error = Error::Corrupt {
    what: "mark of capitals in a text",
};

fn take_one(rest: &mut &[u8]) -> Result<u8> {
    rest.split_off_first().copied().ok_or(TRUNCATED)
}

/// Writes out what a coded text stands for.
fn expand(coded: &[u8], code: &Code) -> Result<Vec<u8>> {
    let meanings = code.meanings()?;
    // At most as long as this, so that the memory is had before it is written to.
    let sizes = meanings.map(|meaning| match meaning {
        Meaning::Word(word) => code.words[usize::from(word)].len(),
        _ => 1,
    });
    let size = coded.iter().map(|&byte| sizes[usize::from(byte)]).sum();
    let mut text = reserved(size)?;
    let mut pending = Case::Same;
    let mut rest = coded;
    while let Some(&byte) = rest.split_off_first() {
        let one = [byte];
        let piece = match meanings[usize::from(byte)] {
            Meaning::Itself => &one[..],
            Meaning::Word(word) => &code.words[usize::from(word)],
            Meaning::Escape => std::slice::from_ref(rest.split_off_first().ok_or(TRUNCATED)?),
            mark => {
                if take_one(&mut rest)? != b' ' {
                    return Err(BAD_MARK);
                }
                pending = if mark == Meaning::Capital {
                    Case::Capital
                } else {
                    Case::Upper
                };
                continue;
            }
        };
        if pending == Case::Same {
            text.extend_from_slice(piece);
            continue;
        }
        for &byte in piece {
            // No other stream gives the same text: letters behind a mark are small.
            let fits = match pending {
                Case::Same => true,
                Case::Capital => byte.is_ascii_lowercase(),
                Case::Upper => !byte.is_ascii_uppercase(),
            };
            if !fits {
                return Err(BAD_MARK);
            }
            if pending == Case::Upper && !is_letter(byte) {
                pending = Case::Same;
            }
            text.push(if pending == Case::Same {
                byte
            } else {
                byte.to_ascii_uppercase()
            });
            if pending == Case::Capital {
                pending = Case::Same;
            }
        }
    }
    Ok(text)
}
