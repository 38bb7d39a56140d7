//! The predictor: contexts, matches and direct counters, mixed and corrected.

mod guided;
mod select;
mod step;

use super::apm::Apm;
use super::company::Company;
use super::contextmap::{Buckets, ContextMap};
use super::direct::{self, Direct, Lines};
use super::image::{self, Bilevel};
use super::lane::{pieces, Content, Groups, Lane};
use super::last::Last;
use super::learnt::Learnt;
use super::matchmodel::{Match, MatchModel};
use super::mixer::{Mixer, Rates};
use super::neural::{Follower, Neural, Part};
use super::parts::{Parts, Sizes};
use super::plan::{log2_heads, log2_size, log2_table, Layout, Plan, MAPS};
use super::simd;
use super::spare::Spare;
use super::states::StateTable;
use crate::bitmodel::BitModel;
use crate::cm::content::binary::Binary;
use crate::cm::content::pixels::Pixels;
use crate::cm::content::text::{Seen, Text};
use crate::cm::fast::contexts::Contexts;
use crate::cm::primed::Primed;
use crate::cm::tables::{Tables, CELL_HALF};
use crate::cm::{Kind, Knowledge, Params, Pretrained};
use crate::memory::Memory;
use crate::Result;
use std::sync::Arc;

/// Contexts of the expected byte, between the orders and those of the data kind.
const MATCH_CONTEXTS: usize = 2;

/// What the lanes have in common: all that is learnt, and what the byte at hand looks at.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    p: u32,
    plan: Plan,
    pub(super) tables: Tables,
    states: StateTable,
    /// All lanes, each as far as it is coded; zeros behind.
    pub(super) history: Memory<u8>,
    /// Bits of the byte so far after a leading one.
    partial: u32,
    bit_position: u32,
    pub(super) contexts: ContextMap,
    /// What new contexts start from.
    primed: Option<Primed<'a>>,
    pub(super) neural: Option<Neural>,
    hashes: Vec<u64>,
    matches: Vec<MatchModel>,
    pub(super) mixer: Mixer,
    order0: Vec<u32>,
    pub(super) order1: Vec<u32>,
    pub(super) maps: Vec<Apm>,
    pub(super) direct: Direct,
    pub(super) last: Last,
    match_state: u32,
    /// Where the memory goes at the end.
    pub(super) home: Option<Arc<Spare<Parts>>>,
}

/// Context-mixing predictor of level 9.
///
/// Memory: 128 or 256 bytes for each byte of input up to 512 MiB, up to 128 MiB for direct counters, and 24 to 82 MiB.
#[derive(Debug)]
pub struct Strong<'a> {
    pub(super) shared: Shared<'a>,
    pub(super) lanes: Vec<Lane<'a>>,
    /// The lane of the byte at hand.
    turn: usize,
    /// Bytes until the lanes change places, and how many there are then.
    left: usize,
    groups: Groups,
    company: Company<'a>,
    /// Whether which lane is next is told from outside.
    told: bool,
    avx2: bool,
}

impl<'a> Strong<'a> {
    /// Creates the predictor of `count` symbols in one lane; both directions must give the same parameters.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn new(params: &Params, count: usize, known: Knowledge<'a>) -> Result<Self> {
        let mut model = Self::empty(params, count, known, false)?;
        if let Some(learnt) = Self::learnt(params, known) {
            model.shared.take(learnt);
        }
        model.begin();
        Ok(model)
    }

    /// The same, but it goes on with what another one of the same parameters has learnt, apart from the contexts.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn after(
        params: &Params,
        count: usize,
        known: Knowledge<'a>,
        before: &Strong<'_>,
    ) -> Result<Self> {
        let mut model = Self::empty(params, count, known, false)?;
        model.shared.inherit(&before.shared);
        model.begin();
        Ok(model)
    }

    /// What was learnt elsewhere, if it was about such content.
    fn learnt(params: &Params, known: Knowledge<'a>) -> Option<&'a Learnt> {
        let network = known.network.filter(|_| params.kind == Kind::Text);
        network.and_then(|pretrained| pretrained.start())
    }

    /// Predicts the first bit.
    fn begin(&mut self) {
        let lane = &mut self.lanes[0];
        self.shared.aim(lane);
        self.shared.start_byte(lane);
        self.shared.predict(lane, false);
    }

    /// Cuts the `count` symbols that are still to come into lanes, which take turns.
    pub fn split(&mut self, count: usize, lanes: usize) {
        let first = &self.lanes[0];
        let more = (1..lanes).map(|number| Lane {
            number,
            ..first.clone()
        });
        let more: Vec<_> = more.collect();
        self.groups = Groups::new(count, lanes);
        let start = first.position;
        self.lanes.extend(more);
        self.place(start);
    }

    /// The follower of the first lane, if the network is run here.
    pub fn follower(&mut self) -> Option<&mut Follower<'a>> {
        self.lanes[0].follower.as_mut().map(Arc::make_mut)
    }

    /// Lets another thread run the network, or help. Bytes do not depend on that.
    pub fn join(&mut self, company: Company<'a>) {
        self.company = company;
    }

    /// Tells all symbols that are still to come. Bytes do not depend on that.
    pub fn foretell(&mut self, symbols: &'a [u8]) {
        // Of several lanes each has its own, and another thread may run the network.
        if let [lane] = &mut self.lanes[..] {
            if let Some(follower) = &mut lane.follower {
                Arc::make_mut(follower).foretell(symbols);
            }
        }
    }

    /// Begins the next group of symbols, which starts at a position: where the first lane is.
    fn place(&mut self, start: usize) {
        let Some(length) = self.groups.next() else {
            self.left = usize::MAX;
            return;
        };
        self.left = length;
        let mut position = start;
        let lengths = pieces(length, self.lanes.len());
        for (lane, length) in self.lanes[1..].iter_mut().zip(lengths) {
            position += length;
            lane.jump(position);
            self.shared.aim(lane);
        }
    }

    /// One that has not begun, beside a network where that is known, or beside what is told from outside.
    fn empty(params: &Params, count: usize, known: Knowledge<'a>, told: bool) -> Result<Self> {
        let prior = known.prior.filter(|_| params.kind == Kind::Text);
        let network = known.network.filter(|_| params.kind == Kind::Text);
        let part = network
            .map(Pretrained::part)
            .or(told.then_some(Part::First));
        let plan = Plan::new(params.kind, part);
        let (tables, states) = (Tables::new(), StateTable::new());
        let log2_size = log2_size(count);
        let learnt = Self::learnt(params, known);
        // What is told from outside comes in long texts, whose memory is not kept.
        let home = learnt
            .filter(|_| !told)
            .map(|learnt| Arc::clone(&learnt.parts));
        let sizes = Sizes::new(count);
        let parts = home
            .as_ref()
            .and_then(|home| home.get(|parts| parts.sizes == sizes));
        let (context_parts, order1, direct, seen) = match parts {
            Some(parts) => (
                Some(parts.contexts),
                parts.order1,
                Some(parts.direct),
                Some(parts.seen),
            ),
            None => (None, vec![CELL_HALF; 1 << 16], None, None),
        };
        let mut contexts = ContextMap::new(
            plan.contexts.len(),
            log2_table(count, params.kind),
            plan.polled,
            params.kind != Kind::Text,
            &states,
            context_parts,
        )?;
        contexts.know(plan.known_as(params.kind));
        let layout = Layout::new(&plan, params.kind, part);
        debug_assert!(layout.states == contexts.counters().0.len());
        let rate_of_last = if params.kind == Kind::Text { 12 } else { 25 };
        let mixer = Mixer::new(&layout, rates(params.kind, part), learnt)?;
        // Those of the network are the last ones.
        let starts = learnt.map_or(&[][..], |learnt| &learnt.maps);
        let maps = MAPS[..plan.maps].iter().enumerate();
        let maps = maps
            .map(|(i, &(rows, limit))| Apm::new(rows, limit, &tables, starts.get(i)))
            .collect::<Result<_>>()?;
        let of_network = starts.get(plan.maps..).unwrap_or(&[]);
        let log2_heads = log2_heads(log2_size);
        let lane = Lane {
            number: 0,
            position: 0,
            content: content(params, log2_size, seen)?,
            known: Contexts::new(params.kind, 1),
            follower: network
                .filter(|_| !told)
                .map(|pretrained| Arc::new(Follower::new(pretrained.network()))),
            matches: vec![Match::default(); plan.matches.len()],
            misses: 0,
            buckets: Buckets::default(),
            lines: Lines::default(),
            selectors: [0; 4],
            map_bases: [0; 4],
        };
        let shared = Shared {
            p: 1 << 21,
            plan,
            history: Memory::new(count)?,
            partial: 1,
            bit_position: 0,
            contexts,
            primed: prior.map(|prior| Primed::new(prior.tables(), StateTable::nearest())),
            neural: part
                .map(|part| Neural::new(part, &tables, of_network))
                .transpose()?,
            hashes: Vec::with_capacity(96),
            matches: plan
                .matches
                .iter()
                .map(|&length| MatchModel::new(length, log2_heads))
                .collect(),
            mixer,
            order0: vec![CELL_HALF; 256],
            order1,
            maps,
            direct: Direct::new(plan.direct.len(), direct::log2_lines(log2_size), direct)?,
            last: Last::new(plan.finals, plan.maps, rate_of_last),
            match_state: 0,
            home,
            tables,
            states,
        };
        Ok(Self {
            shared,
            lanes: vec![lane],
            turn: 0,
            left: usize::MAX,
            groups: Groups::new(0, 1),
            company: Company::Alone,
            told: false,
            avx2: simd::has_avx2(),
        })
    }

    /// Ends a byte, and begins one of the lane whose turn is next.
    #[inline(always)]
    fn end_byte(&mut self) {
        let lane = &mut self.lanes[self.turn];
        let byte = self.shared.byte();
        // First, so that another thread has the more time.
        if let Some(follower) = &mut lane.follower {
            self.company.end_byte(lane.number, follower, byte);
        }
        self.shared.end_byte(lane, byte);
        if self.told {
            return;
        }
        self.next_turn();
        let lane = &mut self.lanes[self.turn];
        if let Some(follower) = self.company.take(lane.number) {
            lane.follower = Some(follower);
        }
        self.shared.start_byte(lane);
    }

    /// Goes on to the lane whose turn is next.
    #[inline(always)]
    fn next_turn(&mut self) {
        self.turn += 1;
        self.left -= 1;
        if self.turn == self.lanes.len() {
            self.turn = 0;
        }
        if self.left == 0 {
            self.turn = 0;
            self.lanes.rotate_right(1);
            self.place(self.lanes[0].position);
        }
    }

    /// Learns `bit` and predicts the next one.
    #[inline(always)]
    pub(super) fn step(&mut self, bit: u32, avx2: bool) {
        let whole = self.shared.learn(&mut self.lanes[self.turn], bit, avx2);
        if whole {
            self.end_byte();
            if self.told {
                return;
            }
        } else {
            let lane = &mut self.lanes[self.turn];
            if let Some(follower) = &mut lane.follower {
                self.company.look(follower, self.shared.partial);
            }
            self.shared.next_bit(lane);
        }
        self.shared.predict(&mut self.lanes[self.turn], avx2);
        self.shared.foresee();
    }
}

/// How fast the mixer learns.
fn rates(kind: Kind, part: Option<Part>) -> Rates {
    let (floor, start, last, spared) = match kind {
        Kind::Text if part == Some(Part::Second) => (60, 1000, 40, 1000),
        Kind::Text => (42, 1000, 60, 1000),
        Kind::Binary => (60, 700, 90, 300),
        Kind::Bilevel => (60, 400, 60, 0),
        Kind::Grey | Kind::Colour => (60, 700, 90, 0),
    };
    Rates {
        floor,
        start,
        slow: 40,
        last,
        spared,
        // About 1/64: there are 200 inputs that mostly agree.
        first: 500,
    }
}

/// What is known of data of a kind at the start, of a text perhaps in the memory of another one.
fn content(params: &Params, log2_size: u32, seen: Option<Seen>) -> Result<Content> {
    let width = params.record as usize;
    Ok(match params.kind {
        Kind::Text => Content::Text(Box::new(Text::within(seen.unwrap_or_default()))),
        Kind::Binary => Content::Binary(Box::new(Binary::new(width, params.row as usize))),
        Kind::Bilevel => {
            Content::Bilevel(Box::new(Bilevel::new(width, image::log2_cells(log2_size))?))
        }
        Kind::Grey | Kind::Colour => {
            let channels = params.kind.channels().unwrap_or(1);
            Content::Pixels(Box::new(Pixels::new(width, params.row as usize, channels)))
        }
    })
}

impl Shared<'_> {
    /// Goes on with what was learnt elsewhere, apart from the mixer and the maps, which begin so.
    fn take(&mut self, learnt: &Learnt) {
        self.contexts.take(&learnt.states, &learnt.votes);
        self.last.take(&learnt.last);
    }

    /// Goes on with what another one has learnt, apart from the contexts.
    fn inherit(&mut self, before: &Shared<'_>) {
        let (states, votes) = before.contexts.counters();
        self.contexts.take(states, votes);
        self.mixer.inherit(&before.mixer);
        self.last.take(before.last.weights());
        for (map, before) in self.maps.iter_mut().zip(&before.maps) {
            map.inherit(before);
        }
        if let (Some(neural), Some(before)) = (&mut self.neural, &before.neural) {
            neural.inherit(before);
        }
    }
}

impl BitModel for Strong<'_> {
    #[inline]
    fn p(&self) -> u32 {
        self.shared.p
    }

    fn update(&mut self, bit: u32) {
        simd::step(self.avx2, self, bit);
    }
}
