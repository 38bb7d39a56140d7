//! A second thread, which runs the network for one lane while the first one codes another.
//!
//! The first thread never depends on the second: what is not begun when it is needed, or takes too long because the
//! machine is busy, the first one does itself. So results do not depend on who was faster.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope, Thread};
use std::time::Duration;

use super::neural::Follower;
use crate::spin::wait;

/// How long the first thread waits for the second one: longer than any step takes.
const PATIENCE: Duration = Duration::from_micros(100);
/// How long the second thread waits for the first one: longer than a byte takes, since it sleeps for many then, but not
/// much, since where both have one core that time is lost.
const ATTENTION: Duration = Duration::from_micros(100);
/// How long it then sleeps.
const NAP: Duration = Duration::from_millis(1);

/// What is to be done for a lane, or was.
#[derive(Debug)]
enum Desk<'a> {
    Empty,
    /// A follower is to take in a byte, in the memory of another one if there is one.
    Asked(Arc<Follower<'a>>, u8, Option<Arc<Follower<'a>>>),
    /// The second thread is at it.
    Begun,
    /// The first thread did not wait for it.
    Late,
    Done(Arc<Follower<'a>>),
}

#[derive(Debug)]
struct Office<'a> {
    desks: Vec<Mutex<Desk<'a>>>,
    /// Whether what was begun is done. The first thread looks at these: would it look at the desks it would hold them
    /// when the second one needs them.
    done: Vec<AtomicBool>,
    /// How often something was asked.
    asked: AtomicUsize,
    closed: AtomicBool,
}

impl<'a> Office<'a> {
    fn desk(&self, lane: usize) -> MutexGuard<'_, Desk<'a>> {
        // No code that could fail runs while a desk is locked.
        let desk = self.desks[lane].lock();
        desk.unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is asked until the office is closed.
    fn work(&self) {
        let mut seen = 0;
        while !self.closed.load(Ordering::Relaxed) {
            let asked = self.asked.load(Ordering::Acquire);
            if asked != seen {
                seen = asked;
                (0..self.desks.len()).for_each(|lane| self.serve(lane));
            } else if !wait(ATTENTION, || self.asked.load(Ordering::Relaxed) != seen) {
                thread::park_timeout(NAP);
            }
        }
    }

    fn serve(&self, lane: usize) {
        let (asked, byte, mut follower) = {
            let mut desk = self.desk(lane);
            let Desk::Asked(asked, byte, spare) = &mut *desk else {
                return;
            };
            let follower = spare.take().unwrap_or_else(|| Arc::clone(asked));
            let task = (Arc::clone(asked), *byte, follower);
            *desk = Desk::Begun;
            task
        };
        // Memory from the system, which two threads would both ask for, takes longer than the copy.
        match Arc::get_mut(&mut follower) {
            Some(spare) => spare.clone_from(&asked),
            None => follower = Arc::new(Follower::clone(&asked)),
        }
        // Before the first thread has the answer: then nobody else has what is the next spare one.
        drop(asked);
        Arc::make_mut(&mut follower).end_byte(byte);
        let mut desk = self.desk(lane);
        *desk = match *desk {
            Desk::Begun => Desk::Done(follower),
            _ => Desk::Empty,
        };
        drop(desk);
        self.done[lane].store(true, Ordering::Release);
    }
}

/// The thread, which ends when this is dropped.
#[derive(Debug)]
pub struct Helper<'a> {
    office: Arc<Office<'a>>,
    /// What was asked last, by lane, in case that it has to be done here.
    kept: Vec<Option<(Arc<Follower<'a>>, u8)>>,
    /// Followers that are done with, by lane, for their memory.
    spares: Vec<Option<Arc<Follower<'a>>>>,
    thread: Thread,
}

impl<'a> Helper<'a> {
    /// Starts the thread, for so many lanes; none where the system has no more.
    pub fn start<'scope>(scope: &'scope Scope<'scope, '_>, lanes: usize) -> Option<Self>
    where
        'a: 'scope,
    {
        let office = Arc::new(Office {
            desks: (0..lanes).map(|_| Mutex::new(Desk::Empty)).collect(),
            done: (0..lanes).map(|_| AtomicBool::new(false)).collect(),
            asked: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let shared = Arc::clone(&office);
        let started = thread::Builder::new().spawn_scoped(scope, move || shared.work());
        let thread = started.ok()?.thread().clone();
        Some(Self {
            office,
            kept: vec![None; lanes],
            spares: vec![None; lanes],
            thread,
        })
    }

    /// Asks that the follower of a lane take in a byte.
    pub fn ask(&mut self, lane: usize, follower: &Arc<Follower<'a>>, byte: u8) {
        self.kept[lane] = Some((Arc::clone(follower), byte));
        let mut desk = self.office.desk(lane);
        // What is late is still in the other thread's hands, which the system has stopped.
        if !matches!(*desk, Desk::Late) {
            self.office.done[lane].store(false, Ordering::Relaxed);
            *desk = Desk::Asked(Arc::clone(follower), byte, self.spares[lane].take());
            drop(desk);
            self.office.asked.fetch_add(1, Ordering::Release);
        }
    }

    /// What was asked for a lane, if anything was.
    #[must_use]
    pub fn take(&mut self, lane: usize) -> Option<Arc<Follower<'a>>> {
        let (mut follower, byte) = self.kept[lane].take()?;
        let begun = matches!(*self.office.desk(lane), Desk::Begun);
        let done = &self.office.done[lane];
        let late = begun && !wait(PATIENCE, || done.load(Ordering::Acquire));
        let mut desk = self.office.desk(lane);
        let before = std::mem::replace(&mut *desk, Desk::Empty);
        if late && matches!(before, Desk::Begun) || matches!(before, Desk::Late) {
            *desk = Desk::Late;
        }
        drop(desk);
        if let Desk::Done(done) = before {
            self.spares[lane] = Some(follower);
            return Some(done);
        }
        drop(before);
        Arc::make_mut(&mut follower).end_byte(byte);
        Some(follower)
    }
}

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        self.office.closed.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}
