//! A step of the network, of which a thread computes its own rows: one half, together with another thread, or all.

use std::ops::Range;

use super::contexts::row;
use super::link::{End, Link};
use super::network::{norms, Block, Network};
use super::state::{Room, Scratch, State, BYTES};
use crate::nn::gates::squares;
use crate::nn::matrix::{Matrix, ROWS};
use crate::nn::padded;

/// The part of so many rows that a thread computes.
pub(super) fn half(rows: usize, side: usize) -> Range<usize> {
    let middle = rows.div_ceil(2).next_multiple_of(ROWS).min(rows);
    [0..middle, middle..rows][side].clone()
}

/// Which numbers of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// What a step changes that ends no word.
    Bytes,
    /// What such a step reads.
    Read,
    /// What a step changes that ends a word: all.
    All,
}

impl Which {
    pub(super) fn changed(word: Option<u32>) -> Self {
        match word {
            Some(_) => Self::All,
            None => Self::Bytes,
        }
    }
}

impl State {
    /// Logits, and numbers.
    fn parts(&mut self, which: Which) -> (&mut [i32], impl Iterator<Item = &mut [i32]>) {
        let words = match which {
            Which::All => &mut self.words[..],
            _ => &mut [],
        };
        let said = Some(&mut self.said).filter(|_| which != Which::Bytes);
        let all = self.blocks.iter_mut().chain(words).chain([&mut self.first]);
        let all = all.chain(said).map(|numbers| &mut numbers[..]);
        (&mut self.room.logits, all)
    }

    pub(super) fn numbers(&mut self, which: Which) -> impl Iterator<Item = &mut [i32]> {
        self.parts(which).1
    }

    /// Becomes equal to another one in some numbers, and in its contexts.
    pub(super) fn follow(&mut self, other: &mut Self, which: Which) {
        self.contexts = other.contexts;
        copy(self.numbers(which), other.numbers(which));
    }

    /// What comes of a step: logits and what it changes.
    pub(super) fn outcome(&mut self, word: Option<u32>) -> impl Iterator<Item = &mut [i32]> {
        let (logits, numbers) = self.parts(Which::changed(word));
        [logits].into_iter().chain(numbers)
    }
}

/// The half of each at one side.
pub(super) fn halves<'n>(
    numbers: impl Iterator<Item = &'n mut [i32]>,
    side: usize,
) -> impl Iterator<Item = &'n mut [i32]> {
    numbers.map(move |numbers| {
        let part = half(numbers.len(), side);
        &mut numbers[part]
    })
}

/// Sets numbers to others.
pub(super) fn copy<'n>(
    to: impl Iterator<Item = &'n mut [i32]>,
    from: impl Iterator<Item = &'n mut [i32]>,
) {
    for (to, from) in to.zip(from) {
        to.copy_from_slice(from);
    }
}

/// Who computes a step.
pub(super) trait Hands {
    /// The rows, of so many, that are computed here.
    fn own(&self, rows: usize) -> Range<usize>;

    /// Whether the step goes on.
    fn look(&self) -> Option<()>;

    /// Adds the rest to numbers of which those of its own rows are there; none when the step does not go on.
    fn complete(&mut self, numbers: &mut [i32]) -> Option<()>;

    /// The same of steps, of which there are as many as rows.
    fn complete_bytes(&mut self, rows: usize, steps: &mut [u8]) -> Option<()>;
}

/// This thread and another one, which swap what they found.
impl Hands for End<'_> {
    #[inline]
    fn own(&self, rows: usize) -> Range<usize> {
        half(rows, self.side())
    }

    #[inline]
    fn look(&self) -> Option<()> {
        Some(())
    }

    #[inline]
    fn complete(&mut self, numbers: &mut [i32]) -> Option<()> {
        let [own, other] = [self.side(), 1 - self.side()].map(|side| half(numbers.len(), side));
        self.send([&numbers[own]]);
        self.take([&mut numbers[other]])
    }

    #[inline]
    fn complete_bytes(&mut self, rows: usize, steps: &mut [u8]) -> Option<()> {
        let [own, other] = [self.side(), 1 - self.side()].map(|side| half(rows, side));
        self.send_bytes(&steps[own]);
        self.take_bytes(&mut steps[other])
    }
}

/// This thread alone, while a task is the last one that was asked for.
pub(super) struct Alone<'l> {
    pub(super) link: &'l Link,
    pub(super) task: u64,
}

impl Hands for Alone<'_> {
    #[inline]
    fn own(&self, rows: usize) -> Range<usize> {
        0..rows
    }

    #[inline]
    fn look(&self) -> Option<()> {
        (self.link.asked().0 == self.task).then_some(())
    }

    #[inline]
    fn complete(&mut self, _: &mut [i32]) -> Option<()> {
        self.look()
    }

    #[inline]
    fn complete_bytes(&mut self, _: usize, _: &mut [u8]) -> Option<()> {
        self.look()
    }
}

impl Block {
    /// As [`Self::run`] of one place, by some hands; `x` is then whole.
    fn share(
        &self,
        network: &Network,
        states: &mut [i32],
        x: &mut [i32],
        scratch: &mut Scratch,
        hands: &mut impl Hands,
    ) -> Option<()> {
        let width = states.len();
        let (own, hidden) = (hands.own(width), self.up.rows());
        let Scratch {
            steps,
            more,
            values,
        } = scratch;
        let steps = &mut steps[..padded(width)];
        norms(x, width, steps);
        let gated = &mut values[..3 * own.len()];
        set_gates(&self.gates, width, &own, steps, gated, hands)?;
        network.gates.recur(
            gated,
            &mut states[own.clone()],
            &self.factors[own.clone()],
            &mut steps[own.clone()],
        );
        hands.complete_bytes(width, steps)?;
        self.mix.part(own.clone()).add(steps, &mut x[own.clone()]);
        hands.complete(x)?;
        norms(x, width, steps);
        let ups = hands.own(hidden);
        let values = &mut values[..ups.len()];
        self.up.part(ups.clone()).set(steps, values);
        let more = &mut more[..padded(hidden)];
        squares(values, &mut more[ups]);
        hands.complete_bytes(hidden, more)?;
        self.down.part(own.clone()).add(more, &mut x[own]);
        hands.complete(x)
    }
}

/// Sets `values` to the own rows of each gate, of which each has so many; none when the step does not go on.
fn set_gates(
    gates: &Matrix,
    rows: usize,
    own: &Range<usize>,
    steps: &[u8],
    values: &mut [i32],
    hands: &impl Hands,
) -> Option<()> {
    for (gate, values) in values.chunks_exact_mut(own.len().max(1)).enumerate() {
        let first = gate * rows;
        let part = gates.part(first + own.start..first + own.end);
        part.set(steps, values);
        hands.look()?;
    }
    Some(())
}

impl Network {
    /// Begins a step by its contexts: sets `x` to the sum of their rows, and returns the number of a word that ends there.
    pub(super) fn begin(&self, state: &mut State, byte: u8) -> Option<u32> {
        let x = &mut state.room.x[..self.config.width];
        self.look_up(&mut state.contexts, byte, x)
    }

    /// The own part of one step, after its contexts: the sum of their rows is in `x`, and a word that ended in `word`. Then
    /// the states and logits of the own rows are there.
    pub(super) fn share(
        &self,
        state: &mut State,
        word: Option<u32>,
        hands: &mut impl Hands,
    ) -> Option<()> {
        let (width, words) = (self.config.width, self.config.word_width);
        let State {
            first,
            blocks,
            words: word_states,
            said,
            room,
            ..
        } = state;
        let Room {
            x,
            word: z,
            inner,
            outer,
            logits,
            scratch,
            ..
        } = room;
        let (x, inner) = (&mut x[..width], &mut inner[..padded(width)]);
        let states = first.len();
        let outer = &mut outer[..padded(states)];
        norms(x, width, inner);
        let own = hands.own(states);
        let values = &mut scratch.values[..2 * own.len()];
        set_gates(&self.first_gates, states, &own, inner, values, hands)?;
        self.gates.recur(
            values,
            &mut first[own.clone()],
            &self.first_factors[own.clone()],
            &mut outer[own],
        );
        hands.complete_bytes(states, outer)?;
        let own = hands.own(width);
        self.first_mix
            .part(own.clone())
            .add(outer, &mut x[own.clone()]);

        if let Some(number) = word {
            let z = &mut z[..words];
            let own_word = hands.own(words);
            self.words.sum(&[row(number, self.config.rows.words)], z);
            let part = &mut z[own_word.clone()];
            self.enter.part(own_word.clone()).add(inner, part);
            self.enter_first.part(own_word).add(outer, part);
            hands.complete(z)?;
            for (block, states) in self.word_blocks.iter().zip(word_states) {
                block.share(self, states, z, scratch, hands)?;
            }
            let steps = &mut scratch.steps[..padded(words)];
            norms(z, words, steps);
            self.leave
                .part(own.clone())
                .set(steps, &mut said[own.clone()]);
        }
        for (x, &said) in x[own.clone()].iter_mut().zip(&said[own]) {
            *x += said;
        }
        hands.complete(x)?;
        for (block, states) in self.blocks.iter().zip(blocks) {
            block.share(self, states, x, scratch, hands)?;
        }
        norms(x, width, inner);
        let own = hands.own(BYTES);
        logits.resize(BYTES, 0);
        self.out.part(own.clone()).set(inner, &mut logits[own]);
        Some(())
    }
}
