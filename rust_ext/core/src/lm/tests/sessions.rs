//! Logits do not depend on how they are computed.

use super::{best, describe, descriptions, network, plain, Numbers, KINDS};
use crate::lm::codec::{logits, Settings};
use crate::lm::dot::Simd;
use crate::lm::model::Model;
use crate::lm::pool::Pool;
use crate::lm::session::{Segment, Session};
use proptest::prelude::*;

/// Feeds segments, and returns the logits after each token of each lane, as bits.
fn fed(
    model: &Model,
    by: Simd,
    threads: usize,
    lanes: usize,
    steps: &[Vec<(usize, Vec<u32>)>],
) -> Vec<Vec<u32>> {
    let vocabulary = model.config.vocabulary;
    let mut all = vec![Vec::new(); lanes];
    Pool::with(threads, |pool| {
        let mut session =
            Session::new(model, by, lanes, model.config.context, model.config.context);
        for step in steps {
            let segments: Vec<Segment<'_>> = step
                .iter()
                .map(|(lane, tokens)| (*lane, &tokens[..]))
                .collect();
            session.feed(pool, &segments);
            let mut row = 0;
            for (lane, tokens) in step {
                let grid = session.logits(pool, row..row + tokens.len());
                for i in 0..tokens.len() {
                    let mut logits = vec![0.0; vocabulary];
                    grid.get(i, 0, &mut logits);
                    all[*lane].extend(logits.iter().map(|x: &f32| x.to_bits()));
                }
                row += tokens.len();
            }
        }
    });
    all
}

fn one_by_one(model: &Model, tokens: &[u32]) -> Vec<u32> {
    let steps: Vec<_> = tokens.iter().map(|&token| vec![(0, vec![token])]).collect();
    fed(model, best(), 1, 1, &steps).remove(0)
}

fn settings(window: usize, threads: usize) -> Settings {
    Settings {
        start: None,
        window,
        chunk: 1,
        lanes: 1,
        threads,
        by: best(),
    }
}

fn plainly(model: &Model, tokens: &[u32], window: usize) -> Vec<u32> {
    let all = logits(model, tokens, &settings(window, 1), &mut |_| false).unwrap();
    all.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn logits_are_finite_and_differ() {
    for description in descriptions() {
        let model = plain(&description);
        let tokens = Numbers(1).tokens(20, 50);
        let all = logits(&model, &tokens, &settings(64, 1), &mut |_| false).unwrap();
        assert_eq!(all.len(), 20 * 50);
        assert!(all.iter().all(|x| x.is_finite()));
        let most = all.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!((0.1..100.0).contains(&most), "{most}");
        assert_ne!(all[..50], all[50..100]);
    }
}

#[test]
fn vectors_threads_and_kinds_of_weights_give_the_bits_of_scalars() {
    let tokens = Numbers(2).tokens(24, 50);
    for description in descriptions() {
        for (kind, int8) in KINDS {
            let model = network(&description, kind, int8);
            let step = [vec![(0, tokens.clone())]];
            let expected = fed(&model, Simd::all()[0], 1, 1, &step);
            for by in Simd::all() {
                for threads in 1..4 {
                    assert_eq!(
                        fed(&model, by, threads, 1, &step),
                        expected,
                        "{by:?} {threads}"
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tokens_that_are_fed_together_give_the_bits_of_single_steps(
        which in 0..5_usize,
        cuts in prop::collection::vec(1..20_usize, 1..12),
        seed in any::<u64>(),
    ) {
        let model = plain(&descriptions()[which]);
        let tokens = Numbers(seed).tokens(cuts.iter().sum::<usize>().min(64), 50);
        let mut rest = &tokens[..];
        let mut steps = Vec::new();
        for cut in cuts {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            rest = later;
            steps.extend((!now.is_empty()).then(|| vec![(0, now.to_vec())]));
        }
        prop_assert_eq!(&fed(&model, best(), 1, 1, &steps)[0], &one_by_one(&model, &tokens));
    }

    #[test]
    fn lanes_beside_each_other_give_the_bits_of_one_alone(
        which in 0..5_usize,
        lengths in prop::collection::vec(1..20_usize, 1..8),
        seed in any::<u64>(),
    ) {
        let model = plain(&descriptions()[which]);
        let mut numbers = Numbers(seed);
        let lanes: Vec<_> = lengths.iter().map(|&length| numbers.tokens(length, 50)).collect();
        let mut steps = Vec::new();
        for i in 0..20 {
            let some = lanes.iter().enumerate().filter(|(_, tokens)| tokens.len() > i);
            steps.push(some.map(|(lane, tokens)| (lane, vec![tokens[i]])).collect());
        }
        let together = fed(&model, best(), 2, lanes.len(), &steps);
        for (tokens, together) in lanes.iter().zip(&together) {
            prop_assert_eq!(together, &one_by_one(&model, tokens));
        }
    }
}

#[test]
fn a_full_window_forgets_its_older_half() {
    let tokens = Numbers(3).tokens(40, 50);
    for description in descriptions() {
        let model = plain(&description);
        for window in [1, 2, 7, 16] {
            let all = plainly(&model, &tokens, window);
            // What a token sees begins where the lane was begun anew.
            let mut begin = 0;
            for i in 0..tokens.len() {
                if i - begin == window {
                    begin = i - window / 2;
                }
                let alone = one_by_one(&model, &tokens[begin..=i]);
                assert_eq!(
                    all[i * 50..][..50],
                    alone[alone.len() - 50..],
                    "{window} {i}"
                );
            }
        }
    }
}

#[test]
fn a_sliding_window_hides_what_is_before_it() {
    let window = [("sliding_window", "4"), ("layers", "1")];
    let model = plain(&describe(&window));
    let (mut a, b) = (Numbers(4).tokens(12, 50), Numbers(5).tokens(12, 50));
    let expected = one_by_one(&model, &b);
    a[8..].copy_from_slice(&b[8..]);
    let other = one_by_one(&model, &a);
    assert_eq!(other[11 * 50..], expected[11 * 50..]);
    assert_ne!(other[10 * 50..11 * 50], expected[10 * 50..11 * 50]);
}

#[test]
fn every_position_counts() {
    for description in descriptions() {
        let model = plain(&description);
        let all = one_by_one(&model, &[3, 3, 4, 3, 3]);
        assert_ne!(all[3 * 50..4 * 50], all[4 * 50..]);
    }
}
