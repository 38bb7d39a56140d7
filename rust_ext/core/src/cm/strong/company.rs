//! Who runs the network: the thread that codes, or a second one too.

use std::sync::Arc;
use std::thread::Scope;

use super::ahead::Ahead;
use super::helper::Helper;
use super::neural::Follower;
use super::predictor::Strong;
use crate::bytelm::duo::Duo;

/// Symbols from which a second thread is worth its start.
const MIN_COUNT: usize = 128;

/// The second thread.
#[derive(Debug)]
pub enum Company<'a> {
    Alone,
    /// Runs the network for one lane while another one is coded.
    Helper(Helper<'a>),
    /// Runs half of the network.
    Duo(Box<Duo>),
    /// Runs it ahead, since the text is known.
    Ahead(Ahead),
}

impl<'a> Company<'a> {
    /// Starts the second thread for a model; the text is known when encoding, apart from several lanes.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        model: &mut Strong<'a>,
        count: usize,
        lanes: usize,
        text: Option<&'a [u8]>,
    ) -> Self
    where
        'a: 'scope,
    {
        let parts = model.follower().and_then(Follower::parts);
        let Some((network, state, _)) = parts.filter(|_| count >= MIN_COUNT) else {
            return Self::Alone;
        };
        let started = match text {
            _ if lanes > 1 => Helper::start(scope, lanes).map(Self::Helper),
            Some(text) => Ahead::start(scope, network, state.clone(), text).map(Self::Ahead),
            None => Duo::start(scope, network).map(|duo| Self::Duo(Box::new(duo))),
        };
        started.unwrap_or(Self::Alone)
    }

    /// Lets the follower of a lane take in a byte, now or while others are coded.
    #[inline(always)]
    pub fn end_byte(&mut self, lane: usize, follower: &mut Arc<Follower<'a>>, byte: u8) {
        match self {
            Self::Alone => Arc::make_mut(follower).end_byte(byte),
            Self::Helper(helper) => helper.ask(lane, follower, byte),
            Self::Duo(duo) => {
                if let Some((network, state, tree)) = Arc::make_mut(follower).parts() {
                    duo.step(network, state, byte);
                    network.weigh(state, tree);
                    duo.guess(network, state, tree.likeliest(1));
                }
            }
            Self::Ahead(ahead) => {
                if let Some(tree) = ahead.next() {
                    std::mem::swap(tree, Arc::make_mut(follower).tree_mut());
                }
            }
        }
    }

    /// Looks at the bits of a byte that are known, in `partial` after a leading one.
    #[inline(always)]
    pub fn look(&mut self, follower: &mut Arc<Follower<'a>>, partial: u32) {
        if let Self::Duo(duo) = self {
            if let Some((network, state, tree)) = Arc::make_mut(follower).parts() {
                duo.narrow(network, state, tree, partial);
            }
        }
    }

    /// The follower of a lane, if a byte was taken in elsewhere.
    #[inline(always)]
    pub fn take(&mut self, lane: usize) -> Option<Arc<Follower<'a>>> {
        match self {
            Self::Helper(helper) => helper.take(lane),
            _ => None,
        }
    }
}
