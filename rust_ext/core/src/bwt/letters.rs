//! Order of the letters for the sort.
//!
//! Suffixes that begin with similar letters should stand near each other, so that the symbols before
//! them stay similar from row to row. The order is that of Chapin and Tate (1998, "Higher compression
//! from the Burrows-Wheeler transform by modified sorting"): vowels first, then groups of consonants.

const LETTERS: &[u8; 26] = b"aeioubcdgfhrlsmnpqjktwvxyz";

/// Replacement of each byte: letters keep their case and change places, all else stays.
#[allow(clippy::cast_possible_truncation)] // places are below 26
const FORWARD: [u8; 256] = {
    let mut table = identity();
    let mut place = 0;
    while place < 26 {
        let letter = LETTERS[place];
        table[letter as usize] = b'a' + place as u8;
        table[letter.to_ascii_uppercase() as usize] = b'A' + place as u8;
        place += 1;
    }
    table
};

#[allow(clippy::cast_possible_truncation)] // byte values
const INVERSE: [u8; 256] = {
    let mut table = identity();
    let mut value = 0;
    while value < 256 {
        table[FORWARD[value] as usize] = value as u8;
        value += 1;
    }
    table
};

#[allow(clippy::cast_possible_truncation)] // byte values
const fn identity() -> [u8; 256] {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        table[value] = value as u8;
        value += 1;
    }
    table
}

/// Tells whether more than half of `text` are ASCII letters.
#[must_use]
pub fn suits(text: &[u8]) -> bool {
    text.iter()
        .filter(|symbol| symbol.is_ascii_alphabetic())
        .count()
        > text.len() / 2
}

/// Replaces the letters by their places.
pub fn forward(text: &mut [u8]) {
    replace(text, &FORWARD);
}

/// Undoes [`forward`].
pub fn inverse(text: &mut [u8]) {
    replace(text, &INVERSE);
}

fn replace(text: &mut [u8], table: &[u8; 256]) {
    for symbol in text {
        *symbol = table[usize::from(*symbol)];
    }
}
