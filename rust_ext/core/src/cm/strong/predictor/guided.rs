//! The predictor beside something that knows more: a distribution of each byte comes from outside.
//!
//! It takes the place of a network, with its inputs, weights and corrections. Which lane is next is told too, since
//! what knows more may expect several bytes at once.

use super::Strong;
use crate::bitmodel::BitModel;
use crate::bytelm::tree::Tree;
use crate::cm::strong::lane::{Content, Lane};
use crate::cm::strong::neural::Follower;
use crate::cm::{Knowledge, Params};
use crate::coder::binary::Side;
use crate::Result;
use std::sync::Arc;

impl<'a> Strong<'a> {
    /// The predictor of `count` bytes in some lanes, which begin where [`Self::jump`] says. If what is known has a
    /// network, its weights tell how far to trust what is told of a text.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory.
    pub fn guided(
        params: &Params,
        count: usize,
        known: Knowledge<'a>,
        lanes: usize,
    ) -> Result<Self> {
        let mut model = Self::empty(params, count, known, true)?;
        if let Some(learnt) = Self::learnt(params, known) {
            model.shared.take(learnt);
        }
        model.begin();
        for lane in &mut model.lanes {
            lane.follower = Some(Arc::new(Follower::told()));
        }
        let first = &model.lanes[0];
        let more: Vec<_> = (1..lanes)
            .map(|number| Lane {
                number,
                ..first.clone()
            })
            .collect();
        model.lanes.extend(more);
        model.told = true;
        Ok(model)
    }

    /// Lets a lane go on at another place of the text.
    pub fn jump(&mut self, lane: usize, position: usize) {
        let lane = &mut self.lanes[lane];
        lane.jump(position);
        if let Content::Pixels(pixels) = &mut lane.content {
            pixels.look(&self.shared.history.get()[..position]);
        }
        self.shared.aim(lane);
    }

    /// Codes a byte of which [`Self::tell`] has told; returns it. When decoding, `byte` does not count.
    pub fn code_byte(&mut self, side: &mut impl Side, byte: u8) -> u8 {
        let mut coded = 0;
        for shift in (0..8).rev() {
            let bit = side.code(u32::from(byte >> shift & 1), self.p());
            self.update(bit);
            coded = coded << 1 | bit;
        }
        #[allow(clippy::cast_possible_truncation)] // of eight bits
        {
            coded as u8
        }
    }

    /// Begins the next byte, which is of a lane, and tells what is expected of it: before its first bit is predicted.
    pub fn tell(&mut self, lane: usize, expected: impl FnOnce(&mut Tree)) {
        self.turn = lane;
        let lane = &mut self.lanes[lane];
        if let Some(follower) = &mut lane.follower {
            expected(Arc::make_mut(follower).tree_mut());
        }
        self.shared.start_byte(lane);
        self.shared.predict(lane, self.avx2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::pretrained::Pretrained;
    use crate::cm::Kind;

    /// Bits of code for a text in two lanes, with what is told of each byte.
    fn cost(
        params: &Params,
        text: &[u8],
        known: Knowledge<'_>,
        told: impl Fn(u8, &mut Tree),
    ) -> f64 {
        let half = text.len() / 2;
        let mut model = Strong::guided(params, text.len(), known, 2).unwrap();
        model.jump(1, half);
        let order: Vec<usize> = (0..half).flat_map(|at| [at, half + at]).collect();
        let mut bits = 0.0;
        for &at in &order {
            model.tell(at / half, |tree| told(text[at], tree));
            for shift in (0..8).rev() {
                let bit = u32::from(text[at] >> shift & 1);
                let p1 = f64::from(model.p()) / f64::from(1 << 22);
                bits -= if bit == 1 { p1 } else { 1.0 - p1 }.log2();
                model.update(bit);
            }
        }
        bits
    }

    #[test]
    fn what_is_told_is_used() {
        let file = include_bytes!("../../../../../../tests/reference/bytelm-tiny.safetensors");
        let network = Pretrained::parse(file).unwrap();
        let known = Knowledge {
            network: Some(&network),
            ..Knowledge::default()
        };
        let mut state = 1_u64;
        let text: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(2000)
        .collect();
        let flat = |_, tree: &mut Tree| {
            tree.leaves().fill(1);
            tree.add_up();
        };
        let knowing = |byte: u8, tree: &mut Tree| {
            tree.leaves().fill(1);
            tree.leaves()[usize::from(byte)] = 1 << 16;
            tree.add_up();
        };
        let params = |kind, record, row| Params {
            level: 9,
            kind,
            record,
            row,
            lanes: 1,
            roomy: true,
        };
        let alone = Knowledge::default();
        for (params, known) in [
            (params(Kind::Text, 1, 1), known),
            (params(Kind::Grey, 10, 20), alone),
            (params(Kind::Colour, 30, 20), alone),
        ] {
            assert!(cost(&params, &text, known, flat) > 15_500.0);
            let told = cost(&params, &text, known, knowing);
            assert!(told < 2_500.0, "{told} of {params:?}");
        }
    }
}
