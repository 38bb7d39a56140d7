//! Contexts of pixels of one byte, or of a byte for each of their colours: what is around them, what that foretells,
//! and where in the picture they are.

use super::hashing::{fold, hash};
use super::least_squares::LeastSquares;

/// Number of contexts that [`Pixels::contexts`] makes.
pub const CONTEXTS: usize = 64;
/// How far templates reach to the left and right, and upwards.
const REACH: usize = 4;
/// Pixels of a row that are known around the next one.
const SPAN: usize = 2 * REACH + 1;

/// What is known around the next pixel, in its own colour.
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
    /// Rows of pixels: the current one first, whose second half is not known, then those above.
    around: [[u8; SPAN]; REACH + 1],
    /// The byte at the same place of the picture before.
    before: u8,
    /// Of the two colours before that of the next byte: of this pixel, and of the pixels around it as [`Self::others`] says.
    colours: [[u8; OTHERS]; 2],
    /// Linear predictions, for each colour.
    linear: Vec<[LeastSquares; 2]>,
    /// What they foretell, in quarters.
    told: [i32; 2],
}

/// Where the pixels of other colours are, to the right and above.
const PLACES: [(isize, usize); OTHERS] =
    [(0, 0), (-1, 0), (0, 1), (-1, 1), (1, 1), (-2, 0), (0, 2)];
const OTHERS: usize = 7;

impl Pixels {
    /// Starts pictures of `rows` rows of `row` bytes, `channels` for each pixel.
    #[must_use]
    pub fn new(row: usize, rows: usize, channels: usize) -> Self {
        let mut pixels = Self {
            row: row.max(1),
            rows: rows.max(1),
            channels: channels.max(1),
            x: 0,
            y: 0,
            around: [[0; SPAN]; REACH + 1],
            before: 0,
            colours: [[0; OTHERS]; 2],
            linear: (0..channels.max(1))
                .map(|channel| {
                    let more = channel.min(2);
                    [
                        LeastSquares::new(18 + 5 * more, 0.998, 1),
                        LeastSquares::new(6 + 3 * more, 0.96, 1),
                    ]
                })
                .collect(),
            told: [0; 2],
        };
        pixels.update(&[]);
        pixels
    }

    /// Learns what is before the next byte.
    pub fn update(&mut self, history: &[u8]) {
        if let Some(&last) = history.last() {
            for linear in &mut self.linear[self.x % self.channels] {
                linear.update(i32::from(last));
            }
        }
        self.look(history);
    }

    /// Looks around for the next byte, without learning.
    pub fn look(&mut self, history: &[u8]) {
        let n = history.len();
        (self.x, self.y) = (n % self.row, n / self.row % self.rows);
        let column = self.x / self.channels;
        let columns = self.row / self.channels;
        let left = REACH.min(column);
        let right = REACH.min(columns.saturating_sub(column + 1));
        for (k, row) in self.around.iter_mut().enumerate() {
            row.fill(0);
            if k > self.y {
                continue;
            }
            let right = if k == 0 { 0 } else { right + 1 };
            let at = n - k * self.row;
            for (to, pixel) in row[REACH - left..REACH + right].iter_mut().zip(0..) {
                *to = history[at - left * self.channels + pixel * self.channels];
            }
        }
        self.before = n
            .checked_sub(self.row * self.rows)
            .map_or(0, |at| history[at]);
        let channel = self.x % self.channels;
        for (j, colour) in self.colours.iter_mut().enumerate() {
            for (to, (right, above)) in colour.iter_mut().zip(PLACES) {
                let there = channel > j
                    && above <= self.y
                    && (-right <= column as isize && column as isize + right < columns as isize);
                *to = if there {
                    let at = n - j - 1 - above * self.row;
                    history[at.wrapping_add_signed(right * self.channels as isize)]
                } else {
                    0
                };
            }
        }
        self.foretell(channel);
    }

    /// Makes the linear predictions.
    fn foretell(&mut self, channel: usize) {
        let near = [
            (-1, 0),
            (0, 1),
            (-1, 1),
            (1, 1),
            (-2, 0),
            (0, 2),
            (-2, 1),
            (2, 1),
            (-1, 2),
            (1, 2),
            (-3, 0),
            (0, 3),
            (-2, 2),
            (2, 2),
            (-3, 1),
            (3, 1),
            (-1, 3),
            (1, 3),
        ];
        let mut terms = [0; super::least_squares::MAX];
        for (term, (right, above)) in terms.iter_mut().zip(near) {
            *term = self.at(right, above);
        }
        let more = channel.min(2);
        let mut few = [0; 12];
        few[..6].copy_from_slice(&terms[..6]);
        for (j, colour) in self.colours[..more].iter().enumerate() {
            for k in 0..5 {
                terms[18 + 5 * j + k] = i32::from(colour[k]);
            }
            for k in 0..3 {
                few[6 + 3 * j + k] = i32::from(colour[k]);
            }
        }
        let [many, fast] = &mut self.linear[channel];
        let told = [
            many.predict(&terms[..18 + 5 * more]),
            fast.predict(&few[..6 + 3 * more]),
        ];
        // Saturates, and is rounded towards zero.
        self.told = told.map(|told| ((told * 4.0 + 0.5) as i32).clamp(0, 1020));
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

    /// Small numbers that select mixer weights.
    #[must_use]
    pub fn selectors(&self) -> [u32; 4] {
        let [w, n, ne] = self.near().map(i32::from);
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
        let activity = class(w, nw) << 6 | class(n, nw) << 3 | class(n, ne);
        let template = [(-1, 0), (-1, 1), (0, 1), (1, 1), (-2, 0), (0, 2), (2, 1)];
        let template = template.iter().fold(0, |bits, &(right, above)| {
            bits << 1 | u32::from(self.at(right, above) >= 128)
        });
        [
            activity,
            ((w >> 3) << 5 | n >> 3) as u32,
            (self.told[0] / 4) as u32,
            template,
        ]
    }

    /// The place in the picture, in ten bits.
    #[must_use]
    pub fn place(&self) -> u32 {
        if self.row * self.rows <= 1024 {
            (self.y * self.row + self.x) as u32
        } else {
            let column = self.x * 32 / self.row;
            let row = self.y * 32 / self.rows;
            (row << 5 | column) as u32
        }
    }

    /// Writes the hashes of the contexts of the next byte.
    #[allow(clippy::too_many_lines)] // a list
    pub fn contexts(&self, out: &mut Vec<u64>) {
        let start = out.len();
        let p = |right: isize, above: usize| self.at(right, above);
        let (w, ww, www) = (p(-1, 0), p(-2, 0), p(-3, 0));
        let (n, nw, ne, nww, nee) = (p(0, 1), p(-1, 1), p(1, 1), p(-2, 1), p(2, 1));
        let (nn, nnw, nne, nnn) = (p(0, 2), p(-1, 2), p(1, 2), p(0, 3));
        let top = |value: i32, bits: u32| (value >> (8 - bits)) as u64;
        let join =
            |values: &[i32], bits: u32| values.iter().fold(0, |h, &v| h << bits | top(v, bits));
        let whole = |values: &[i32]| {
            values
                .iter()
                .fold(values.len() as u64, |h, &v| fold(h, v as u64))
        };
        let clamp = |value: i32| value.clamp(0, 255) as u64;
        let place = if self.row * self.rows <= 1 << 16 {
            (self.y * self.row + self.x) as u64
        } else {
            0
        };
        let colour = (self.x % self.channels) as u64;
        let levels = |value: i32| u64::from(value >= 48) + u64::from(value >= 176);
        let mut binary = 0;
        for (above, row) in self.around.iter().enumerate() {
            let known = if above == 0 { REACH } else { SPAN };
            for &pixel in &row[..known] {
                binary = binary << 1 | u64::from(pixel >= 96);
            }
        }
        let near = [w, n, nw, ne, ww, nn, nww, nee, nnw, nne, www, nnn];
        let three = near.iter().fold(0, |h, &v| h * 3 + levels(v));
        let q4 = join(&[w, n, nw, ne], 3);
        let q8 = join(&[w, n, nw, ne, ww, nn, nww, nee], 3);
        // stacks of small pictures
        out.push(hash([place, 0]));
        out.push(whole(&[w, n]));
        out.push(whole(&[w, n, nw]));
        out.push(whole(&[w, n, nw, ne]));
        out.push(hash([q8]));
        out.push(hash([q4, place]));
        out.push(whole(&[w, n, ne, nw, ww, nn]));
        out.push(hash([(w + n - nw) as u64, q4]));
        out.push(hash([w as u64, ww as u64, top(n, 3)]));
        out.push(hash([n as u64, nn as u64, top(w, 3), top(ne, 3)]));
        out.push(hash([binary, 1]));
        out.push(hash([three, 2]));
        out.push(hash([three, place]));
        out.push(hash([self.before.into(), w as u64, n as u64]));
        // gradients
        let median = median(w, n, nw) as u64;
        out.push(hash([median, colour]));
        out.push(hash([clamp(w + n - nw), colour]));
        out.push(hash([clamp(n + ne - nne), colour]));
        out.push(hash([clamp(w + ne - n), colour]));
        out.push(hash([clamp(2 * n - nn), colour]));
        out.push(hash([clamp(2 * w - ww), colour]));
        out.push(hash([(w + ne) as u64 / 2, colour]));
        out.push(hash([(w + n + 1) as u64 / 2, top(nw, 4), top(ne, 4)]));
        out.push(hash([
            clamp(w + n - nw),
            top((n - nw).abs(), 5),
            top((w - nw).abs(), 5),
        ]));
        out.push(hash([n as u64, clamp(w + ne - n) / 4]));
        out.push(hash([w as u64, clamp(n + nw - nnw) / 4]));
        out.push(hash([clamp((w + 3 * ne - 3 * nne + p(1, 3)) / 2), colour]));
        out.push(hash([
            clamp(3 * n - 3 * nn + nnn),
            clamp(3 * w - 3 * ww + www) / 8,
        ]));
        out.push(hash([
            clamp((3 * (w + n) - 2 * nw) / 4),
            (w - ww) as u64 / 8,
        ]));
        out.push(hash([
            (w + n + nw + ne) as u64 / 4,
            (w - nw).unsigned_abs().into(),
        ]));
        out.push(hash([median, q4]));
        out.push(hash([w as u64, ne as u64]));
        out.push(hash([w as u64, nn as u64, top(ne, 2)]));
        out.push(hash([n as u64, ww as u64, top(nw, 2)]));
        // comparisons with what is foretold
        let compared = near
            .iter()
            .fold(0, |h, &v| h << 1 | u64::from(v as u64 > median));
        out.push(hash([compared, median / 4]));
        out.push(hash([compared, top(w, 4), top(n, 4)]));
        out.push(hash([three, w as u64]));
        out.push(hash([binary & 0xFF_FFFF_FFFF, w as u64]));
        out.push(hash([binary, place]));
        out.push(hash([w as u64, place]));
        out.push(hash([n as u64, place]));
        let [many, few] = self.told.map(|told| told as u64);
        out.push(hash([many, colour]));
        out.push(hash([many / 4, colour]));
        out.push(hash([few, colour]));
        out.push(hash([(many + few) / 2, colour]));
        out.push(hash([many / 4, few / 8, colour]));
        out.push(hash([many / 4, top(w, 4), top(n, 4), colour]));
        out.push(hash([many / 4, compared]));
        out.push(hash([many / 8, self.selectors()[0].into(), colour]));
        // colours
        let of = |j: usize, k: usize| i32::from(self.colours[j][k]);
        let plane = |j: usize| of(j, 1) + of(j, 2) - of(j, 3);
        let medians = [0, 1].map(|j| self::median(of(j, 1), of(j, 2), of(j, 3)));
        let (p1, p2) = (of(0, 0), of(1, 0));
        let (m1, m2) = (p1 - medians[0], p2 - medians[1]);
        let median = median as i32;
        out.push(hash([clamp(w + p1 - of(0, 1)), colour]));
        out.push(hash([clamp(n + p1 - of(0, 2)), colour]));
        out.push(hash([clamp(w + n - nw + p1 - plane(0)), colour]));
        out.push(hash([clamp(ne + p1 - of(0, 4)), colour]));
        out.push(hash([
            clamp((w + n + 2 * p1 - of(0, 1) - of(0, 2)) / 2),
            colour,
        ]));
        out.push(hash([p1 as u64, median as u64, colour]));
        out.push(hash([p1 as u64, p2 as u64, colour]));
        out.push(hash([clamp(median + m1), top(m1.abs(), 5), colour]));
        out.push(hash([clamp(median + m2), top(m2.abs(), 5), colour]));
        out.push(hash([clamp(median + (m1 + m2) / 2), colour]));
        out.push(hash([w as u64, p1 as u64, colour]));
        out.push(hash([w as u64, p1 as u64, p2 as u64]));
        out.push(hash([n as u64, p1 as u64, p2 as u64]));
        out.push(hash([
            clamp(w + p1 - of(0, 1)),
            clamp(n + p1 - of(0, 2)) / 8,
            colour,
        ]));
        out.push(hash([
            clamp(w + ne - n + p1 - of(0, 1) - of(0, 4) + of(0, 2)),
            colour,
        ]));
        out.push(hash([many / 4, p1 as u64, colour]));
        debug_assert_eq!(out.len() - start, CONTEXTS);
    }
}

/// What left, above and the pixel between them foretell: the median of both and the plane through all three.
fn median(w: i32, n: i32, nw: i32) -> i32 {
    (w + n - nw).clamp(w.min(n), w.max(n))
}
