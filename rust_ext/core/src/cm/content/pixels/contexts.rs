//! The list of contexts.

use super::{median, Pixels, REACH, SPAN};
use crate::cm::content::hashing::{fold, hash};

/// Number of contexts that [`Pixels::contexts`] makes.
pub const CONTEXTS: usize = 62;

/// Bytes of pictures whose places are contexts, at most.
const PLACED: usize = 1 << 16;

impl Pixels {
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
        let place = if self.row * self.rows <= PLACED {
            (self.y * self.row + self.x) as u64
        } else {
            0
        };
        let colour = self.channel() as u64;
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
        out.push(hash([
            clamp(i32::midpoint(w + 3 * ne - 3 * nne, p(1, 3))),
            colour,
        ]));
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
        let [many, few] = self.told.quarters.map(|told| told as u64);
        out.push(hash([many, colour]));
        out.push(hash([many / 4, colour]));
        out.push(hash([few, colour]));
        out.push(hash([u64::midpoint(many, few), colour]));
        out.push(hash([many / 4, few / 8, colour]));
        out.push(hash([many / 4, top(w, 4), top(n, 4), colour]));
        // colours
        let of = |j: usize, k: usize| i32::from(self.colours[j][k]);
        let plane = |j: usize| of(j, 1) + of(j, 2) - of(j, 3);
        let medians = [0, 1].map(|j| super::median(of(j, 1), of(j, 2), of(j, 3)));
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
        out.push(hash([clamp(median + i32::midpoint(m1, m2)), colour]));
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
