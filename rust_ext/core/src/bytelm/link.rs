//! What two threads that compute together tell each other.
//!
//! Messages are numbers in memory that both threads see. Each has its turn in a *task*, and both know which comes next, so
//! that a count is enough to tell that a message is there. All of it is safe code: numbers are atomic, and what comes
//! too late is never taken for something else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::spin::wait;

/// Messages of a task are counted in the lower bits of a count, tasks in the upper ones. What a task is has as many bits.
const TASK_SHIFT: u32 = 16;
/// Places of messages.
const TURNS: usize = 3;

/// On cache lines of its own, and of their neighbours, which processors fetch too.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// One direction.
#[derive(Debug)]
struct Way {
    /// The last message that is there.
    count: Apart<AtomicU64>,
    /// In turn: when a message is written, the last two may still be read, but not the one before these.
    numbers: [Box<[AtomicU64]>; TURNS],
}

impl Way {
    fn new(most: usize) -> Self {
        let numbers = || (0..most).map(|_| AtomicU64::new(0)).collect();
        Self {
            count: Apart::default(),
            numbers: std::array::from_fn(|_| numbers()),
        }
    }

    fn turn(&self, message: u64) -> &[AtomicU64] {
        &self.numbers[message as usize % TURNS]
    }
}

/// Both directions, and what the first thread asks for.
#[derive(Debug)]
pub struct Link {
    /// From the first thread, and from the second.
    ways: [Way; 2],
    /// The last task that was asked for, and what it is; the last one after which another may be asked for.
    asked: Apart<AtomicU64>,
    done: Apart<AtomicU64>,
    awake: Apart<AtomicBool>,
    closed: AtomicBool,
}

impl Link {
    /// For messages of so many numbers of 32 bits at most.
    pub fn new(most: usize) -> Self {
        let way = || Way::new(most.div_ceil(2));
        Self {
            ways: [way(), way()],
            asked: Apart::default(),
            done: Apart::default(),
            awake: Apart::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Whether the second thread can be asked for the task after this one.
    pub fn is_ready(&self, task: u64) -> bool {
        self.awake.0.load(Ordering::Relaxed) && self.done.0.load(Ordering::Acquire) == task
    }

    /// Asks for a task, and tells what it is.
    pub fn ask(&self, task: u64, what: u16) {
        let asked = task << TASK_SHIFT | u64::from(what);
        self.asked.0.store(asked, Ordering::Release);
    }

    /// The task that was asked for last, and what it is.
    pub fn asked(&self) -> (u64, u16) {
        let asked = self.asked.0.load(Ordering::Acquire);
        (asked >> TASK_SHIFT, asked as u16)
    }

    /// Tells that the second thread takes no more messages of a task.
    pub fn finish(&self, task: u64) {
        self.done.0.store(task, Ordering::Release);
    }

    /// Tells whether the second thread looks for tasks.
    pub fn set_awake(&self, is_awake: bool) {
        self.awake.0.store(is_awake, Ordering::Relaxed);
    }

    /// Tells the second thread to end.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether it was told to.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// One end of a link, in a task.
#[derive(Debug)]
pub struct End<'l> {
    link: &'l Link,
    /// Which thread this is, 0 or 1.
    side: usize,
    /// Messages that were sent and that were taken.
    sent: u64,
    taken: u64,
    /// How long the other end is waited for.
    patience: Duration,
}

impl<'l> End<'l> {
    /// Begins a task at one end.
    pub fn new(link: &'l Link, side: usize, task: u64, patience: Duration) -> Self {
        Self {
            link,
            side,
            sent: task << TASK_SHIFT,
            taken: task << TASK_SHIFT,
            patience,
        }
    }

    /// Which thread this is, 0 or 1.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Sends a message: parts of whole pairs of numbers.
    pub fn send<'v>(&mut self, parts: impl IntoIterator<Item = &'v [i32]>) {
        let pairs = parts.into_iter().flat_map(|part| part.as_chunks::<2>().0);
        self.put(
            pairs.map(|&[a, b]| u64::from(a.cast_unsigned()) | u64::from(b.cast_unsigned()) << 32),
        );
    }

    /// The same of bytes, in whole groups of eight.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let groups = bytes.as_chunks::<8>().0;
        self.put(groups.iter().map(|&eight| u64::from_le_bytes(eight)));
    }

    /// Takes the next message into parts that are as long; none when it is too late.
    #[must_use]
    pub fn take<'v>(&mut self, parts: impl IntoIterator<Item = &'v mut [i32]>) -> Option<()> {
        let pairs = parts
            .into_iter()
            .flat_map(|part| part.as_chunks_mut::<2>().0);
        self.get(pairs, |pair, both| {
            *pair = [both as u32, (both >> 32) as u32].map(u32::cast_signed);
        })
    }

    /// See [`Self::send_bytes`].
    #[must_use]
    pub fn take_bytes(&mut self, bytes: &mut [u8]) -> Option<()> {
        self.get(bytes.as_chunks_mut::<8>().0, |eight, group| {
            *eight = group.to_le_bytes();
        })
    }

    #[inline]
    fn put(&mut self, numbers: impl Iterator<Item = u64>) {
        self.sent += 1;
        let way = &self.link.ways[self.side];
        let mut to = way.turn(self.sent).iter();
        // In one go: parts of parts are slow to take one by one.
        numbers.for_each(|number| {
            if let Some(to) = to.next() {
                to.store(number, Ordering::Relaxed);
            }
        });
        way.count.0.store(self.sent, Ordering::Release);
    }

    #[inline]
    fn get<T>(&mut self, places: impl IntoIterator<Item = T>, set: impl Fn(T, u64)) -> Option<()> {
        self.taken += 1;
        let way = &self.link.ways[1 - self.side];
        // There may be another one behind it already.
        let is_there = || way.count.0.load(Ordering::Acquire) >= self.taken;
        if !wait(self.patience, is_there) {
            return None;
        }
        let mut from = way.turn(self.taken).iter();
        places.into_iter().for_each(|place| {
            if let Some(from) = from.next() {
                set(place, from.load(Ordering::Relaxed));
            }
        });
        Some(())
    }
}
