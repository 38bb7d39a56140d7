//! A second thread, which runs the network over a text that is known, while the first one codes it.

use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread::{self, Scope};

use super::neural::Rest;
use crate::bytelm::network::{Network, State};
use crate::bytelm::tree::Tree;

/// Groups of bytes that the second thread is ahead, at most.
const GROUPS: usize = 4;

/// What the second thread found. It ends when this is dropped, or at the end of the text.
#[derive(Debug)]
pub struct Ahead {
    found: Receiver<Vec<Tree>>,
    /// Takes memory that is done with.
    spare: SyncSender<Vec<Tree>>,
    trees: Vec<Tree>,
    asked: usize,
}

impl Ahead {
    /// Starts the thread, which goes on from a state; none where the system has no more.
    pub fn start<'scope, 'a>(
        scope: &'scope Scope<'scope, '_>,
        network: &'a Network,
        mut state: State,
        bytes: &'a [u8],
    ) -> Option<Self>
    where
        'a: 'scope,
    {
        let (finds, found) = sync_channel(GROUPS);
        let (spare, spares) = sync_channel::<Vec<Tree>>(GROUPS + 2);
        let mut rest = Rest::new(bytes);
        let work = move || loop {
            let mut trees = spares.try_recv().unwrap_or_default();
            if !rest.next(network, &mut state, &mut trees) || finds.send(trees).is_err() {
                break;
            }
        };
        thread::Builder::new().spawn_scoped(scope, work).ok()?;
        Some(Self {
            found,
            spare,
            trees: Vec::new(),
            asked: 0,
        })
    }

    /// What is expected after the next byte. There is no more after the last one, which nothing follows.
    #[inline]
    pub fn next(&mut self) -> Option<&mut Tree> {
        if self.asked == self.trees.len() {
            let trees = self.found.recv().ok()?;
            // Memory that does not fit the channel goes back to the system.
            let _ = self
                .spare
                .try_send(std::mem::replace(&mut self.trees, trees));
            self.asked = 0;
        }
        self.asked += 1;
        self.trees.get_mut(self.asked - 1)
    }
}
