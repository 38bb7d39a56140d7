//! The network, run by two threads: each computes half of the rows of every matrix, and tells the other. While the first
//! one does other things, the second one takes the step for the byte that is likeliest.
//!
//! Weights do not fit the cache of one core, so most of a step is waiting for them, and two cores wait half as long. Every
//! number is the same as if one thread had computed all. The first thread never depends on the second: what takes too
//! long because the machine is busy, it does itself.

use std::sync::Arc;
use std::thread::{self, Scope, Thread};
use std::time::Duration;

use super::contexts::Contexts;
use super::link::{End, Link};
use super::network::Network;
use super::share::{copy, halves, Alone, Which};
use super::state::{State, BYTES};
use super::tree::Tree;
use crate::nn::matrix::{Matrix, ROWS};
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
/// Bits of a byte after which a guess is still in time, or late by less than it saves: fewer than six, after a leading one.
const IN_TIME: u32 = 1 << 6;
/// Steps that were shared, after which a late one is no sign of a busy machine: systems stop a thread now and then.
const TRUSTED: u32 = 1 << 6;

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
        // Of what comes of a step that ends a word. All states with contexts are less; hidden values, in bytes, may be more.
        let outcome = BYTES + states + config.states + config.width;
        outcome.max(config.hidden).max(config.word_hidden)
    }
}

/// What the second thread has of the states after the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Has {
    Nothing,
    /// Its half of what the step changed, at least.
    Half,
    /// All, if it takes what it guessed for true.
    Guess,
    /// All.
    Whole,
}

/// A task, as the second thread is told at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    byte: u8,
    /// Whether the step is to be taken alone, and is dropped when there is another task.
    is_guess: bool,
    /// What the second thread has. If that is nothing, all is sent before, if it is a half and both are needed, the other.
    has: Has,
}

impl Head {
    fn to_bits(self) -> u16 {
        u16::from(self.byte) << 8 | u16::from(self.is_guess) << 2 | self.has as u16
    }

    fn parse(bits: u16) -> Self {
        Self {
            byte: (bits >> 8) as u8,
            is_guess: bits & 4 != 0,
            has: match bits & 3 {
                0 => Has::Nothing,
                1 => Has::Half,
                2 => Has::Guess,
                _ => Has::Whole,
            },
        }
    }

    /// Begins a task of the first thread after a state, and asks the second one for it, which then has all that it needs.
    fn ask<'l>(self, state: &mut State, link: &'l Link, task: u64, patience: Duration) -> End<'l> {
        let mut end = End::new(link, 0, task, patience);
        match self.has {
            Has::Nothing => {
                let mut contexts = state.contexts.to_numbers();
                end.send(all(&mut contexts, state).map(|numbers| &*numbers));
            }
            Has::Half if self.is_guess => {
                end.send(halves(state.numbers(Which::Read), 0).map(|numbers| &*numbers));
            }
            Has::Half | Has::Guess | Has::Whole => {}
        }
        link.ask(task, self.to_bits());
        end
    }

    /// Takes what was sent; `guess` is the state after the last guess.
    fn take(self, state: &mut State, guess: &mut State, end: &mut End<'_>) -> Option<()> {
        match self.has {
            Has::Nothing => {
                let mut contexts = state.contexts.to_numbers();
                end.take(all(&mut contexts, state))?;
                state.contexts = Contexts::of_numbers(contexts);
            }
            Has::Half if self.is_guess => end.take(halves(state.numbers(Which::Read), 0))?,
            Has::Half | Has::Whole => {}
            Has::Guess => state.follow(guess, Which::Bytes),
        }
        Some(())
    }
}

/// All that is told of a state.
fn all<'n>(contexts: &'n mut [i32], state: &'n mut State) -> impl Iterator<Item = &'n mut [i32]> {
    [contexts].into_iter().chain(state.numbers(Which::All))
}

/// The second thread: does its halves, and guesses, until the link is closed.
fn work(network: &Network, link: &Link, attention: Duration) {
    let mut second = Second::new(network);
    let mut task = 0;
    link.set_awake(true);
    while !link.is_closed() {
        if link.asked().0 == task {
            if !wait(attention, || link.asked().0 != task || link.is_closed()) {
                link.set_awake(false);
                thread::park_timeout(NAP);
                link.set_awake(true);
            }
            continue;
        }
        let (asked, bits) = link.asked();
        task = asked;
        // What comes too late is not of use for the first thread, which knows that.
        let mut end = End::new(link, 1, task, attention);
        let _ = second.serve(
            network,
            Head::parse(bits),
            &mut Alone { link, task },
            &mut end,
        );
        link.finish(task);
    }
}

/// What the second thread knows.
struct Second {
    state: State,
    /// The same after a byte that was guessed.
    guess: State,
}

impl Second {
    fn new(network: &Network) -> Self {
        let state = || {
            let mut state = State::new(network.config.room(), network.parts());
            state.room.fit(network.config.room(), 1);
            state
        };
        Self {
            state: state(),
            guess: state(),
        }
    }

    fn serve(
        &mut self,
        network: &Network,
        head: Head,
        alone: &mut Alone<'_>,
        end: &mut End<'_>,
    ) -> Option<()> {
        let Self { state, guess } = self;
        head.take(state, guess, end)?;
        if head.is_guess {
            // All messages were taken: the next task may come.
            alone.link.finish(alone.task);
            guess.follow(state, Which::Read);
            let word = network.begin(guess, head.byte);
            network.share(guess, word, alone)?;
            end.send(guess.outcome(word).map(|numbers| &*numbers));
        } else {
            let word = network.begin(state, head.byte);
            network.share(state, word, end)?;
            end.send(halves(state.outcome(word), 1).map(|numbers| &*numbers));
        }
        Some(())
    }
}

/// The byte for which the second thread takes a step, and the contexts then; none if it is left.
#[derive(Debug)]
struct Guess {
    byte: u8,
    contexts: Option<Contexts>,
}

impl Guess {
    /// Whether the byte begins with the bits in `partial`, after a leading one.
    fn fits(&self, partial: u32) -> bool {
        let bits = 0x100 | u32::from(self.byte);
        bits >> (8 - partial.ilog2().min(8)) == partial
    }
}

/// Two threads that run a network together; the second one ends when this is dropped.
#[derive(Debug)]
pub struct Duo {
    link: Arc<Link>,
    thread: Thread,
    task: u64,
    /// What the second thread has after the last step, and what it guesses.
    has: Has,
    guess: Option<Guess>,
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
        Self::start_with(scope, network, ATTENTION)
    }

    fn start_with<'scope, 'a>(
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
            has: Has::Nothing,
            guess: None,
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
        let guess = self.guess.take().filter(|guess| guess.byte == byte);
        let guess = guess.and_then(|guess| guess.contexts);
        if self.pause > 0 {
            self.pause -= 1;
        } else if wait(Duration::ZERO, || self.link.is_ready(self.task)) {
            self.calls = 0;
            let has = match guess {
                Some(contexts) => self.take_guess(state, contexts),
                None => self.try_step(network, state, byte),
            };
            if let Some(has) = has {
                self.has = has;
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
        self.has = Has::Nothing;
        network.step(state, byte);
    }

    /// Lets the second thread take the step for the byte that is likeliest, until it is told which one comes. None of those
    /// that end a word: such a step is not done by then.
    pub fn guess(&mut self, network: &Network, state: &mut State, byte: u8) {
        if self.has == Has::Nothing {
            return;
        }
        let mut contexts = state.contexts;
        let ends_word = network.push(&mut contexts, byte).word.is_some();
        let contexts = (!ends_word).then_some(contexts);
        self.guess = Some(Guess { byte, contexts });
        if ends_word {
            return;
        }
        let head = Head {
            byte,
            is_guess: true,
            has: self.has,
        };
        self.task += 1;
        head.ask(state, &self.link, self.task, self.patience);
        self.has = Has::Whole;
    }

    /// Guesses again, where the byte begins with other bits, in `partial` after a leading one, than the one that was guessed.
    #[inline(always)]
    pub fn narrow(&mut self, network: &Network, state: &mut State, tree: &Tree, partial: u32) {
        let guess = self.guess.as_ref().filter(|_| partial < IN_TIME);
        if guess.is_none_or(|guess| guess.fits(partial)) {
            return;
        }
        // What was sent for the last guess may not have been taken yet.
        if self.link.is_ready(self.task) {
            self.guess(network, state, tree.likeliest(partial));
        }
    }

    /// Takes over what was guessed, and the contexts then; none when it came too late.
    fn take_guess(&self, state: &mut State, contexts: Contexts) -> Option<Has> {
        state.room.logits.resize(BYTES, 0);
        End::new(&self.link, 0, self.task, self.patience).take(state.outcome(None))?;
        state.contexts = contexts;
        Some(Has::Guess)
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
    fn try_step(&mut self, network: &Network, state: &mut State, byte: u8) -> Option<Has> {
        state.room.fit(network.config.room(), 1);
        let head = Head {
            byte,
            is_guess: false,
            has: self.has,
        };
        self.task += 1;
        let mut end = head.ask(state, &self.link, self.task, self.patience);
        let before = state.contexts;
        let word = network.begin(state, byte);
        let which = Which::changed(word);
        copy(
            halves(self.saved.numbers(which), 0),
            halves(state.numbers(which), 0),
        );
        let result = network.share(state, word, &mut end);
        let result = result.and_then(|()| end.take(halves(state.outcome(word), 1)));
        if result.is_none() {
            state.contexts = before;
            copy(
                halves(state.numbers(which), 0),
                halves(self.saved.numbers(which), 0),
            );
        }
        result.map(|()| Has::Half)
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

    const TEXT: &[u8] = b"It was the best of times, it was the worst of times; 1859. \xE2\x80\x94";
    /// Long enough for any machine, so that all steps are shared that may be.
    const LONG: Duration = Duration::from_secs(100);

    fn assert_equal(alone: &mut State, together: &mut State, at: usize) {
        assert_eq!(alone.logits(), together.logits(), "at {at}");
        let numbers = alone.numbers(Which::All);
        assert!(numbers.eq(together.numbers(Which::All)), "at {at}");
    }

    /// Steps alone and together give the same, in any order of both.
    #[test]
    fn two_threads_compute_what_one_does() {
        for name in ["bytelm-tiny", "bytelm-tiny-3"] {
            let network = network(name);
            let (mut alone, mut together) = (network.start(), network.start());
            thread::scope(|scope| {
                let mut duo = Duo::start_with(scope, &network, LONG).unwrap();
                duo.patience = LONG;
                let mut expected = 0;
                for (at, &byte) in TEXT.repeat(4).iter().enumerate() {
                    network.step(&mut alone, byte);
                    duo.pause = u32::from(at % 29 == 3);
                    if duo.pause == 0 {
                        assert!(wait(LONG, || duo.link.is_ready(duo.task)));
                        expected += 1;
                    }
                    duo.step(&network, &mut together, byte);
                    assert_equal(&mut alone, &mut together, at);
                }
                assert_eq!(duo.shared, expected);
            });
        }
    }

    /// Neither do guesses, right and wrong, in time or not, in any order.
    #[test]
    fn guesses_change_nothing() {
        let network = network("bytelm-tiny");
        let (mut alone, mut together) = (network.start(), network.start());
        thread::scope(|scope| {
            let mut duo = Duo::start_with(scope, &network, LONG).unwrap();
            let (mut taken, mut again) = (0, 0);
            let mut chance = 1_u32;
            for (at, &byte) in TEXT.repeat(12).iter().enumerate() {
                network.step(&mut alone, byte);
                chance = chance.wrapping_mul(0x2C1B_3C6D).wrapping_add(12345);
                let (guessed, is_late, is_ready) = match chance >> 16 & 15 {
                    0..8 => (Some(byte), false, true),
                    8 => (Some(byte), true, true),
                    9 => (Some(byte), false, false),
                    10 => (Some(byte ^ 16), false, false),
                    11..14 => (Some(byte ^ 16), false, true),
                    _ => (None, false, true),
                };
                if let Some(guessed) = guessed {
                    duo.guess(&network, &mut together, guessed);
                    // A wrong one is guessed again where bits are told.
                    if chance >> 20 & 1 > 0 {
                        again += narrow(&mut duo, &network, &mut together, byte);
                    }
                }
                let is_right = duo
                    .guess
                    .as_ref()
                    .is_some_and(|guess| guess.byte == byte && guess.contexts.is_some());
                // Only of a guess: the second thread would wait for the rest of a step that it shares.
                let is_late = is_late && is_right;
                duo.patience = if is_late { Duration::ZERO } else { LONG };
                duo.pause = 0;
                if is_ready {
                    assert!(wait(LONG, || duo.link.is_ready(duo.task)));
                }
                let shared = duo.shared;
                duo.step(&network, &mut together, byte);
                assert_equal(&mut alone, &mut together, at);
                if is_ready && !is_late {
                    assert_eq!(duo.shared, shared + 1, "at {at}");
                    assert_eq!(duo.has == Has::Guess, is_right, "at {at}");
                }
                taken += u32::from(duo.has == Has::Guess);
            }
            assert!(taken > 100 && again > 50, "{taken}, {again}");
        });
    }

    /// Tells a byte bit by bit, where the network holds all bytes that begin alike for that one; returns how often there was
    /// another guess.
    fn narrow(duo: &mut Duo, network: &Network, state: &mut State, byte: u8) -> u64 {
        let mut tree = Tree::default();
        tree.leaves()[usize::from(byte)] = 1 << 20;
        tree.add_up();
        let tasks = duo.task;
        for bits in 1..8 {
            assert!(wait(LONG, || duo.link.is_ready(duo.task)));
            duo.narrow(
                network,
                state,
                &tree,
                (0x100 | u32::from(byte)) >> (8 - bits),
            );
        }
        duo.task - tasks
    }

    #[test]
    fn only_bits_that_differ_are_guessed_again_and_only_in_time() {
        let guess = |byte| Guess {
            byte,
            contexts: None,
        };
        assert!(guess(b'a').fits(1) && guess(b'a').fits(0b1011) && guess(b'a').fits(0b1_0110_0001));
        assert!(!guess(b'a').fits(0b11) && !guess(b'a').fits(0b1_0110_0000));
        let network = network("bytelm-tiny");
        let link = Arc::new(Link::new(network.most_numbers()));
        link.set_awake(true);
        let mut duo = Duo::new(Arc::clone(&link), thread::current(), &network);
        let mut state = network.start();
        let mut tree = Tree::default();
        tree.add_up();
        let mut tell = |duo: &mut Duo, partial| duo.narrow(&network, &mut state, &tree, partial);
        // None was guessed before.
        tell(&mut duo, 0b10);
        assert_eq!(duo.task, 0);
        duo.has = Has::Whole;
        duo.guess = Some(guess(b'a'));
        tell(&mut duo, 0b1011);
        tell(&mut duo, 0b101_1011);
        assert_eq!(duo.task, 0);
        tell(&mut duo, 0b10_1101);
        assert_eq!(duo.task, 1);
        assert_eq!(
            duo.guess.as_ref().map(|guess| guess.byte),
            Some(0b0110_1000)
        );
        // Not before what was sent is taken.
        tell(&mut duo, 0b11);
        assert_eq!(duo.task, 1);
        link.finish(1);
        tell(&mut duo, 0b11);
        assert_eq!(duo.task, 2);
    }

    /// Answers that come too late change nothing, nor do those to a guess that was right.
    #[test]
    fn a_step_that_fails_is_done_alone() {
        let network = network("bytelm-tiny");
        let link = Arc::new(Link::new(network.most_numbers()));
        link.set_awake(true);
        let mut duo = Duo::new(Arc::clone(&link), thread::current(), &network);
        let (mut alone, mut together) = (network.start(), network.start());
        let (mut late, mut guesses) = (0, 0);
        for (at, &byte) in b"two words and more ".repeat(30).iter().enumerate() {
            network.step(&mut alone, byte);
            if duo.pause == 0 && at % 2 == 0 {
                duo.has = Has::Half;
                duo.guess(&network, &mut together, byte);
            }
            if duo.guess.is_some() {
                // Someone takes what is told, and no more.
                link.finish(link.asked().0);
                guesses += 1;
            }
            duo.step(&network, &mut together, byte);
            assert_equal(&mut alone, &mut together, at);
            if link.asked().0 > late {
                // Someone begins the task and does not end it in time.
                late = link.asked().0;
                let mut end = End::new(&link, 1, late, Duration::ZERO);
                end.send_bytes(&[7; 32]);
                link.finish(late);
            }
        }
        assert!((5..50).contains(&late) && duo.pause_before > PAUSE);
        assert!(guesses > 2);
    }

    #[test]
    fn heads_are_read_as_they_are_written() {
        for byte in [0, b'a', 255] {
            for is_guess in [false, true] {
                for has in [Has::Nothing, Has::Half, Has::Guess, Has::Whole] {
                    let head = Head {
                        byte,
                        is_guess,
                        has,
                    };
                    assert_eq!(Head::parse(head.to_bits()), head);
                }
            }
        }
    }
}
