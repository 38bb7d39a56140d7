//! Contexts of pixels of one byte, or of a byte for each of their colours: what is around them, what that foretells,
//! and where in the picture they are.

mod contexts;
mod least_squares;
mod residuals;
mod told;

pub use contexts::CONTEXTS;
use told::Told;
pub use told::INPUTS;

/// How far templates reach to the left and right, and upwards.
const REACH: usize = 4;
/// Pixels of a row that are known around the next one.
const SPAN: usize = 2 * REACH + 1;
/// Where the pixels of other colours are, to the right and above.
const PLACES: [(isize, usize); OTHERS] =
    [(0, 0), (-1, 0), (0, 1), (-1, 1), (1, 1), (-2, 0), (0, 2)];
const OTHERS: usize = 7;
/// Pictures of so many bytes have their places told apart; of larger ones, parts.
const SMALL: usize = 1 << 10;

/// What is known around the next byte. Beyond the edges of a picture all is zero.
#[derive(Debug, Clone)]
pub struct Pixels {
    /// Bytes of a row.
    row: usize,
    /// Rows of a picture.
    rows: usize,
    /// Bytes of a pixel.
    channels: usize,
    /// The next byte in its row, and its row in the picture.
    x: usize,
    y: usize,
    /// Pixels of the same colour: those of the current row first, whose second half is not known, then rows above.
    around: [[u8; SPAN]; REACH + 1],
    /// The byte at the same place of the picture before.
    before: u8,
    /// Of the two colours before that of the next byte, as far as the pixel has them: the pixels at [`PLACES`].
    colours: [[u8; OTHERS]; 2],
    told: Told,
}

impl Pixels {
    /// Starts pictures of `rows` rows of `row` bytes, `channels` for each pixel.
    #[must_use]
    pub fn new(row: usize, rows: usize, channels: usize) -> Self {
        let (row, rows, channels) = (row.max(1), rows.max(1), channels.max(1));
        let mut pixels = Self {
            row,
            rows,
            channels,
            x: 0,
            y: 0,
            around: [[0; SPAN]; REACH + 1],
            before: 0,
            colours: [[0; OTHERS]; 2],
            told: Told::new(row, channels),
        };
        pixels.look(&[]);
        pixels
    }

    /// Learns the last byte of `history`.
    pub fn update(&mut self, history: &[u8]) {
        if let Some((&last, before)) = history.split_last() {
            let channel = self.channel();
            self.told.learn(last, channel, before.len());
        }
        self.look(history);
    }

    /// Looks around for the next byte, without learning.
    pub fn look(&mut self, history: &[u8]) {
        let (n, channels) = (history.len(), self.channels);
        (self.x, self.y) = (n % self.row, n / self.row % self.rows);
        let (column, columns) = (self.x / channels, self.row / channels);
        let left = REACH.min(column);
        let right = REACH.min(columns.saturating_sub(column + 1));
        for (above, row) in self.around.iter_mut().enumerate() {
            row.fill(0);
            if above > self.y {
                continue;
            }
            let known = left + if above == 0 { 0 } else { right + 1 };
            let first = n - above * self.row - left * channels;
            for (pixel, to) in row[REACH - left..][..known].iter_mut().enumerate() {
                *to = history[first + pixel * channels];
            }
        }
        let picture = n.checked_sub(self.row * self.rows);
        self.before = picture.map_or(0, |at| history[at]);
        let channel = self.channel();
        for (j, colour) in self.colours.iter_mut().enumerate() {
            for (to, (right, above)) in colour.iter_mut().zip(PLACES) {
                let place = column.checked_add_signed(right);
                let there = channel > j && above <= self.y && place.is_some_and(|at| at < columns);
                *to = if there {
                    let at = n - j - 1 - above * self.row;
                    history[at.wrapping_add_signed(right * channels as isize)]
                } else {
                    0
                };
            }
        }
        self.foretell(n);
    }

    /// Which colour the next byte is of.
    #[inline(always)]
    fn channel(&self) -> usize {
        self.x % self.channels
    }

    /// The pixel so many to the right, or to the left, and so many rows above.
    #[inline(always)]
    fn at(&self, right: isize, above: usize) -> i32 {
        i32::from(self.around[above][(REACH as isize + right) as usize])
    }

    /// The pixels to the left, above, and above to the right.
    #[must_use]
    pub fn near(&self) -> [u8; 3] {
        [(-1, 0), (0, 1), (1, 1)].map(|(right, above)| self.at(right, above) as u8)
    }

    /// Small numbers that select mixer weights: doubt and slopes, the nearest pixels, what is foretold, what is dark.
    #[must_use]
    pub fn selectors(&self) -> [u32; 4] {
        let [w, n, _] = self.near().map(i32::from);
        let nw = self.at(-1, 1);
        let class = |a: i32, b: i32| match (a - b).unsigned_abs() {
            0 => 0_u32,
            1..=2 => 1,
            3..=6 => 2,
            7..=12 => 3,
            13..=24 => 4,
            25..=48 => 5,
            49..=96 => 6,
            _ => 7,
        };
        let dark = [(-1, 0), (-1, 1), (0, 1), (1, 1), (-2, 0), (0, 2), (2, 1)];
        let dark = dark.iter().fold(0, |bits, &(right, above)| {
            bits << 1 | u32::from(self.at(right, above) >= 128)
        });
        [
            (self.told.doubt as u32) << 4 | class(w, nw) << 1 | class(n, nw) >> 2,
            ((w >> 3) << 5 | n >> 3) as u32,
            (self.told.quarters[0] / 4) as u32,
            dark,
        ]
    }

    /// The place in the picture, in ten bits.
    #[must_use]
    pub fn place(&self) -> u32 {
        if self.row * self.rows <= SMALL {
            (self.y * self.row + self.x) as u32
        } else {
            (self.y * 32 / self.rows * 32 + self.x * 32 / self.row) as u32
        }
    }
}

/// What left, above and the pixel between them foretell: the median of both and the plane through all three.
fn median(w: i32, n: i32, nw: i32) -> i32 {
    (w + n - nw).clamp(w.min(n), w.max(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After so many bytes of pictures of three rows of four pixels, each byte being its place.
    fn after(n: usize, channels: usize) -> Pixels {
        let history: Vec<u8> = (1..=n).map(|i| i as u8).collect();
        let mut pixels = Pixels::new(4 * channels, 3, channels);
        for end in 1..=n {
            pixels.update(&history[..end]);
        }
        pixels
    }

    #[test]
    fn around_are_the_pixels_of_the_picture() {
        // The second pixel of the third row of the second picture, at place 21.
        let pixels = after(21, 1);
        assert_eq!(pixels.around[0], [0, 0, 0, 21, 0, 0, 0, 0, 0]);
        assert_eq!(pixels.around[1], [0, 0, 0, 17, 18, 19, 20, 0, 0]);
        assert_eq!(pixels.around[2], [0, 0, 0, 13, 14, 15, 16, 0, 0]);
        assert_eq!(pixels.around[3..], [[0; SPAN]; 2]);
        assert_eq!((pixels.before, pixels.place()), (10, 9));
        assert_eq!(pixels.near(), [21, 18, 19]);
        assert_eq!(after(12, 1).around, [[0; SPAN]; REACH + 1]);
    }

    #[test]
    fn colours_are_told_apart() {
        // The third colour of the second pixel of the second row.
        let pixels = after(17, 3);
        assert_eq!(pixels.near(), [15, 6, 9]);
        assert_eq!(pixels.colours[0], [17, 14, 5, 2, 8, 0, 0]);
        assert_eq!(pixels.colours[1], [16, 13, 4, 1, 7, 0, 0]);
        // The first one knows no others.
        assert_eq!(after(15, 3).colours, [[0; OTHERS]; 2]);
    }

    #[test]
    fn contexts_of_any_shape_can_be_made() {
        for (row, rows, channels) in [(1, 1, 1), (1, 1, 3), (2, 3, 3), (5, 2, 3), (1 << 20, 1, 1)] {
            let mut pixels = Pixels::new(row, rows, channels);
            let history = [255, 0, 7, 7, 7, 128, 9, 255, 255, 255, 1, 2, 3];
            for end in 1..=history.len() {
                pixels.update(&history[..end]);
                let mut made = Vec::new();
                pixels.contexts(&mut made);
                assert_eq!(made.len(), CONTEXTS);
                assert!(pixels.place() < 1024);
                let [doubt, near, told, dark] = pixels.selectors();
                assert!(doubt < 512 && near < 1024 && told < 256 && dark < 128);
            }
        }
    }
}
