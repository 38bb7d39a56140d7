//! The network, run by two threads: each computes half of the rows of every matrix, and tells the other.
//!
//! Weights do not fit the cache of one core, so most of a step is waiting for them, and two cores wait half as long. Every
//! number is the same as if one thread had computed all. The first thread never depends on the second: what takes too
//! long because the machine is busy, it does itself.

use std::ops::Range;
use std::sync::Arc;
use std::thread::{self, Scope, Thread};
use std::time::Duration;

use super::contexts::row;
use super::link::{End, Link};
use super::network::{norms, Block, Network};
use super::state::{Room, Scratch, State, BYTES};
use crate::nn::gates::squares;
use crate::nn::matrix::{Matrix, ROWS};
use crate::nn::padded;
use crate::spin::wait;

/// How long the first thread waits for a part of a step, beside the time for so many weights in a microsecond: longer than
/// any takes on a processor with vectors.
const PATIENCE: Duration = Duration::from_micros(20);
const WEIGHTS_EACH_MICROSECOND: usize = 10_000;
/// How long the second one waits for the first, in a task and between two. In a task, it may have been stopped by the
/// system; between two it may do other things, and then this is lost where both have one core.
const ATTENTION: Duration = Duration::from_micros(200);
/// How long it sleeps at a time, if nobody wakes it.
const NAP: Duration = Duration::from_millis(50);
/// Steps that are not shared after one that came too late, at first and at most: twice as many each time.
const PAUSE: u32 = 4;
const MOST_PAUSE: u32 = 1 << 12;
/// Steps for which a thread that was woken is waited for: it takes some time to come, and stays awake for longer.
const CALLS: u32 = 16;
/// Steps that were shared, after which a late one is no sign of a busy machine: systems stop a thread now and then.
const TRUSTED: u32 = 1 << 6;

/// The part of so many rows that a thread computes.
fn half(rows: usize, side: usize) -> Range<usize> {
    let middle = rows.div_ceil(2).next_multiple_of(ROWS).min(rows);
    [0..middle, middle..rows][side].clone()
}

impl State {
    /// Numbers of all states.
    fn numbers(&self) -> impl Iterator<Item = &[i32]> {
        let blocks = self.blocks.iter().chain(&self.words);
        let all = blocks.chain([&self.first, &self.said]);
        all.map(|numbers| &numbers[..])
    }

    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut [i32]> {
        let blocks = self.blocks.iter_mut().chain(&mut self.words);
        let all = blocks.chain([&mut self.first, &mut self.said]);
        all.map(|numbers| &mut numbers[..])
    }

    /// The numbers that a step changes at one side: without those of words, if none ended.
    fn changed(&mut self, side: usize, has_word: bool) -> impl Iterator<Item = &mut [i32]> {
        let words = if has_word {
            &mut self.words[..]
        } else {
            &mut []
        };
        let said = Some(&mut self.said).filter(|_| has_word);
        let all = self.blocks.iter_mut().chain(words).chain([&mut self.first]);
        all.chain(said).map(move |numbers| {
            let part = half(numbers.len(), side);
            &mut numbers[part]
        })
    }
}

impl Block {
    /// As [`Self::run`] of one place, together with another thread; `x` is then whole.
    fn share(
        &self,
        network: &Network,
        states: &mut [i32],
        x: &mut [i32],
        scratch: &mut Scratch,
        end: &mut End<'_>,
    ) -> Option<()> {
        let width = states.len();
        let (own, hidden) = (half(width, end.side()), self.up.rows());
        let Scratch {
            steps,
            more,
            values,
        } = scratch;
        let steps = &mut steps[..padded(width)];
        norms(x, width, steps);
        let gated = &mut values[..3 * own.len()];
        for (part, gated) in gated.chunks_exact_mut(own.len().max(1)).enumerate() {
            let first = part * width;
            let rows = first + own.start..first + own.end;
            self.gates.part(rows).set(steps, gated);
        }
        network.gates.recur(
            gated,
            &mut states[own.clone()],
            &self.factors[own.clone()],
            &mut steps[own.clone()],
        );
        swap_bytes(end, width, steps)?;
        self.mix.part(own.clone()).add(steps, &mut x[own.clone()]);
        swap(end, x)?;
        norms(x, width, steps);
        let ups = half(hidden, end.side());
        let values = &mut values[..ups.len()];
        self.up.part(ups.clone()).set(steps, values);
        let more = &mut more[..padded(hidden)];
        squares(values, &mut more[ups]);
        swap_bytes(end, hidden, more)?;
        self.down.part(own.clone()).add(more, &mut x[own]);
        swap(end, x)
    }
}

/// Sends this side's half of some numbers, and takes the other's.
fn swap(end: &mut End<'_>, numbers: &mut [i32]) -> Option<()> {
    let [own, other] = [end.side(), 1 - end.side()].map(|side| half(numbers.len(), side));
    end.send([&numbers[own]]);
    end.take([&mut numbers[other]])
}

/// The same of steps, of which there are as many as rows.
fn swap_bytes(end: &mut End<'_>, rows: usize, steps: &mut [u8]) -> Option<()> {
    let [own, other] = [end.side(), 1 - end.side()].map(|side| half(rows, side));
    end.send_bytes(&steps[own]);
    end.take_bytes(&mut steps[other])
}

impl Network {
    /// Whether two threads can run it together: whether all halves are whole groups of rows.
    fn is_shared(&self) -> bool {
        let config = &self.config;
        let hidden = self
            .word_blocks
            .iter()
            .chain(&self.blocks)
            .map(|b| b.up.rows());
        let widths = [config.width, config.states, config.word_width];
        widths
            .into_iter()
            .chain(hidden)
            .all(|width| width.is_multiple_of(ROWS))
    }

    /// How long a thread may take for its half of a part of a step.
    fn patience(&self) -> Duration {
        let most = self.matrices().map(Matrix::weights).max().unwrap_or(0);
        PATIENCE + Duration::from_micros((most / 2 / WEIGHTS_EACH_MICROSECOND) as u64)
    }

    /// Numbers of the longest message.
    fn most_numbers(&self) -> usize {
        let config = &self.config;
        let states = config.blocks * config.width + config.word_blocks * config.word_width;
        // Of the last one, which is the longest if hidden values, in bytes, are not.
        let last = BYTES + states + config.states + config.width;
        last.max(config.hidden).max(config.word_hidden)
    }

    /// The half of one step, after its contexts: the sum of their rows is in `x`, and a word that ended in `word`. Then
    /// this side's states and logits are there.
    fn share(&self, state: &mut State, word: Option<u32>, end: &mut End<'_>) -> Option<()> {
        let (width, words, side) = (self.config.width, self.config.word_width, end.side());
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
        let own = half(states, side);
        let values = &mut scratch.values[..2 * own.len()];
        for (part, values) in values.chunks_exact_mut(own.len().max(1)).enumerate() {
            let rows = part * states + own.start..part * states + own.end;
            self.first_gates.part(rows).set(inner, values);
        }
        self.gates.recur(
            values,
            &mut first[own.clone()],
            &self.first_factors[own.clone()],
            &mut outer[own],
        );
        swap_bytes(end, states, outer)?;
        let own = half(width, side);
        self.first_mix
            .part(own.clone())
            .add(outer, &mut x[own.clone()]);

        if let Some(number) = word {
            let z = &mut z[..words];
            let own_word = half(words, side);
            self.words.sum(&[row(number, self.config.rows.words)], z);
            let part = &mut z[own_word.clone()];
            self.enter.part(own_word.clone()).add(inner, part);
            self.enter_first.part(own_word).add(outer, part);
            swap(end, z)?;
            for (block, states) in self.word_blocks.iter().zip(word_states) {
                block.share(self, states, z, scratch, end)?;
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
        swap(end, x)?;
        for (block, states) in self.blocks.iter().zip(blocks) {
            block.share(self, states, x, scratch, end)?;
        }
        norms(x, width, inner);
        let own = half(BYTES, side);
        logits.resize(BYTES, 0);
        self.out.part(own.clone()).set(inner, &mut logits[own]);
        Some(())
    }
}

/// What the second thread is told at the start of a task: the number of a word that ended, plus 1, and whether all states
/// follow.
fn head(word: Option<u32>, all: bool) -> [i32; 2] {
    let word = word.map_or(0, |word| u64::from(word) + 1);
    // Numbers of words have 32 bits.
    let both = word << 1 | u64::from(all);
    [both as u32, (both >> 32) as u32].map(u32::cast_signed)
}

/// Undoes [`head`].
fn parse_head(head: [i32; 2]) -> (Option<u32>, bool) {
    let [low, high] = head.map(|part| u64::from(part.cast_unsigned()));
    let both = low | high << 32;
    (
        (both >> 1).checked_sub(1).map(|word| word as u32),
        both & 1 == 1,
    )
}

/// The second thread: does its halves until the link is closed.
fn work(network: &Network, link: &Link, attention: Duration) {
    let mut state = State::new(network.config.room(), network.parts());
    state.room.fit(network.config.room(), 1);
    let mut task = 0;
    link.set_awake(true);
    while !link.is_closed() {
        if link.asked() == task {
            if !wait(attention, || link.asked() != task || link.is_closed()) {
                link.set_awake(false);
                thread::park_timeout(NAP);
                link.set_awake(true);
            }
            continue;
        }
        task = link.asked();
        // What comes too late is not of use for the first thread, which knows that.
        let mut end = End::new(link, 1, task, attention);
        let _ = serve(network, &mut state, &mut end);
        link.finish(task);
    }
}

fn serve(network: &Network, state: &mut State, end: &mut End<'_>) -> Option<()> {
    let width = network.config.width;
    let mut begun = [0; 2];
    end.take([&mut begun[..], &mut state.room.x[..width]])?;
    let (word, all) = parse_head(begun);
    if all {
        end.take(state.numbers_mut())?;
    }
    network.share(state, word, end)?;
    let logits = std::mem::take(&mut state.room.logits);
    let changed = state.changed(1, word.is_some()).map(|numbers| &*numbers);
    end.send([&logits[half(BYTES, 1)]].into_iter().chain(changed));
    state.room.logits = logits;
    Some(())
}

/// Two threads that run a network together; the second one ends when this is dropped.
#[derive(Debug)]
pub struct Duo {
    link: Arc<Link>,
    thread: Thread,
    task: u64,
    /// Whether the second thread has the states of the last step.
    together: bool,
    /// Steps to go alone, how many there were the last time, and how many were shared since.
    pause: u32,
    pause_before: u32,
    shared: u32,
    /// Steps for which a thread that sleeps is still waited for.
    calls: u32,
    patience: Duration,
    /// States before a step.
    saved: State,
}

impl Duo {
    /// Starts the second thread; none where the system has no more, or where the network cannot be shared.
    pub fn start<'scope, 'a>(scope: &'scope Scope<'scope, '_>, network: &'a Network) -> Option<Self>
    where
        'a: 'scope,
    {
        if !network.is_shared() {
            return None;
        }
        Self::begin(scope, network, ATTENTION)
    }

    fn begin<'scope, 'a>(
        scope: &'scope Scope<'scope, '_>,
        network: &'a Network,
        attention: Duration,
    ) -> Option<Self>
    where
        'a: 'scope,
    {
        let link = Arc::new(Link::new(network.most_numbers()));
        let other = Arc::clone(&link);
        let started =
            thread::Builder::new().spawn_scoped(scope, move || work(network, &other, attention));
        let thread = started.ok()?.thread().clone();
        Some(Self::new(link, thread, network))
    }

    fn new(link: Arc<Link>, thread: Thread, network: &Network) -> Self {
        Self {
            link,
            thread,
            task: 0,
            together: false,
            pause: 0,
            pause_before: 0,
            shared: 0,
            calls: 0,
            patience: network.patience(),
            saved: network.start(),
        }
    }

    /// As [`Network::step`].
    pub fn step(&mut self, network: &Network, state: &mut State, byte: u8) {
        if self.pause > 0 {
            self.pause -= 1;
        } else if wait(Duration::ZERO, || self.link.is_ready(self.task)) {
            self.calls = 0;
            if self.try_step(network, state, byte).is_some() {
                self.together = true;
                self.shared += 1;
                return;
            }
            self.go_alone();
        } else if self.calls == 0 {
            self.thread.unpark();
            self.calls = CALLS;
        } else {
            self.calls -= 1;
            if self.calls == 0 {
                self.go_alone();
            }
        }
        self.together = false;
        network.step(state, byte);
    }

    /// Does not share the next steps.
    fn go_alone(&mut self) {
        let last = if self.shared < TRUSTED {
            self.pause_before
        } else {
            0
        };
        self.pause = (2 * last).clamp(PAUSE, MOST_PAUSE);
        self.pause_before = self.pause;
        self.shared = 0;
    }

    /// The step; none when the other thread came too late. Then the state is as before.
    fn try_step(&mut self, network: &Network, state: &mut State, byte: u8) -> Option<()> {
        let width = network.config.width;
        state.room.fit(network.config.room(), 1);
        let before = state.contexts;
        let x = &mut state.room.x[..width];
        let word = network.look_up(&mut state.contexts, byte, x);
        self.task += 1;
        let mut end = End::new(&self.link, 0, self.task, self.patience);
        let head = head(word, !self.together);
        end.send([&head[..], x]);
        self.link.ask(self.task);
        if !self.together {
            end.send(state.numbers());
        }
        let saved = self.saved.changed(0, word.is_some());
        for (to, from) in saved.zip(state.changed(0, word.is_some())) {
            to.copy_from_slice(from);
        }
        let result = network.share(state, word, &mut end);
        let result = result.and_then(|()| {
            let mut logits = std::mem::take(&mut state.room.logits);
            let changed = state.changed(1, word.is_some());
            let taken = end.take([&mut logits[half(BYTES, 1)]].into_iter().chain(changed));
            state.room.logits = logits;
            taken
        });
        if result.is_none() {
            state.contexts = before;
            let saved = self.saved.changed(0, word.is_some());
            for (from, to) in saved.zip(state.changed(0, word.is_some())) {
                to.copy_from_slice(from);
            }
        }
        result
    }
}

impl Drop for Duo {
    fn drop(&mut self) {
        self.link.close();
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::tensors::Tensors;

    fn network(name: &str) -> Network {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/");
        let file = std::fs::read(format!("{folder}{name}.safetensors")).unwrap();
        Network::take(&Tensors::parse(&file).unwrap()).unwrap()
    }

    /// Steps alone and together give the same, in any order of both.
    #[test]
    fn two_threads_compute_what_one_does() {
        let text =
            b"It was the best of times, it was the worst of times; 1859. \xE2\x80\x94".repeat(4);
        for name in ["bytelm-tiny", "bytelm-tiny-3"] {
            let network = network(name);
            let mut alone = network.start();
            let mut together = network.start();
            thread::scope(|scope| {
                // Long enough for any machine, so that all steps are shared that may be.
                let long = Duration::from_secs(100);
                let mut duo = Duo::begin(scope, &network, long).unwrap();
                duo.patience = long;
                let mut expected = 0;
                for (at, &byte) in text.iter().enumerate() {
                    network.step(&mut alone, byte);
                    duo.pause = u32::from(at % 29 == 3);
                    if duo.pause == 0 {
                        assert!(wait(long, || duo.link.is_ready(duo.task)));
                        expected += 1;
                    }
                    duo.step(&network, &mut together, byte);
                    assert_eq!(alone.logits(), together.logits(), "{name} at {at}");
                    assert!(alone.numbers().eq(together.numbers()), "{name} at {at}");
                }
                assert_eq!(duo.shared, expected);
            });
        }
    }

    /// Answers that come too late change nothing.
    #[test]
    fn a_step_that_fails_is_done_alone() {
        let network = network("bytelm-tiny");
        let link = Arc::new(Link::new(network.most_numbers()));
        link.set_awake(true);
        let mut duo = Duo::new(Arc::clone(&link), thread::current(), &network);
        let (mut alone, mut together) = (network.start(), network.start());
        let mut late = 0;
        for &byte in &b"two words and more ".repeat(30) {
            network.step(&mut alone, byte);
            duo.step(&network, &mut together, byte);
            assert_eq!(alone.logits(), together.logits());
            assert!(alone.numbers().eq(together.numbers()));
            if link.asked() > late {
                // Someone begins the task and does not end it in time.
                late = link.asked();
                let mut end = End::new(&link, 1, late, Duration::ZERO);
                end.send_bytes(&[7; 32]);
                link.finish(late);
            }
        }
        assert!((5..50).contains(&late) && duo.pause_before > PAUSE);
    }

    #[test]
    fn heads_are_read_as_they_are_written() {
        for word in [None, Some(0), Some(77), Some(u32::MAX)] {
            for all in [false, true] {
                assert_eq!(parse_head(head(word, all)), (word, all));
            }
        }
    }
}
