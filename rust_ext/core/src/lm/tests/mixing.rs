//! Tokens beside contexts become bytes and come back.

use super::{best, describe, plain, Numbers};
use crate::cm::pretrained::Pretrained;
use crate::cm::Knowledge;
use crate::lm::codec::Settings;
use crate::lm::dot::Simd;
use crate::lm::mixed::{decode, encode, Beside};
use crate::lm::model::Model;
use crate::lm::trie::Trie;
use crate::{Error, Result};

/// Letters, and words of two and three: many begin alike.
fn vocabulary() -> Trie {
    let tokens = (0..50_u8).map(|token| match token {
        0..26 => vec![b'a' + token],
        26..40 => vec![b'a' + token % 4, b'a' + token / 4],
        _ => vec![b'a' + token % 3, b'a', b'a' + token],
    });
    let tokens: Vec<_> = tokens.collect();
    let ends = tokens.iter().scan(0, |end, token| {
        *end += token.len();
        Some(*end)
    });
    let ends = ends.collect();
    Trie::new(tokens.concat(), ends).unwrap()
}

fn pretrained() -> Pretrained {
    let file = include_bytes!("../../../../../tests/reference/bytelm-tiny.safetensors");
    Pretrained::parse(file).unwrap()
}

/// What is coded, by whom and in which way.
struct Case<'a> {
    model: &'a Model,
    trie: &'a Trie,
    network: Option<&'a Pretrained>,
    tokens: &'a [u32],
    joint: bool,
}

impl Case<'_> {
    fn with<T>(&self, settings: &Settings, work: impl FnOnce(Beside<'_>) -> T) -> T {
        let ends = self.tokens.iter().scan(0, |end, &token| {
            *end += self.trie.bytes(token).len();
            Some(*end)
        });
        let ends: Vec<usize> = [0].into_iter().chain(ends).collect();
        let starts: Vec<usize> = ends[..self.tokens.len()]
            .iter()
            .step_by(settings.chunk)
            .copied()
            .collect();
        work(Beside {
            trie: self.trie,
            known: Knowledge {
                network: self.network,
                ..Knowledge::default()
            },
            joint: self.joint,
            starts: &starts,
            bytes: ends[self.tokens.len()],
        })
    }

    fn coded(&self, settings: &Settings) -> Result<Vec<u8>> {
        self.with(settings, |beside| {
            encode(self.model, self.tokens, beside, settings, &mut |_| false)
        })
    }

    fn decoded(&self, payload: &[u8], settings: &Settings) -> Result<Vec<u32>> {
        let count = self.tokens.len();
        self.with(settings, |beside| {
            decode(self.model, payload, count, beside, settings, &mut |_| false)
        })
    }
}

const LANES: Settings = Settings {
    start: Some(1),
    window: 16,
    chunk: 30,
    lanes: 3,
    threads: 1,
    by: Simd::SCALAR,
};

#[test]
fn tokens_come_back_in_lanes_and_with_any_threads() {
    let (model, trie, network) = (plain(&describe(&[])), vocabulary(), pretrained());
    let tokens = Numbers(3).tokens(100, 50);
    for count in [0, 1, 29, 31, 100] {
        for joint in [true, false] {
            let case = Case {
                model: &model,
                trie: &trie,
                network: Some(&network),
                tokens: &tokens[..count],
                joint,
            };
            let payload = case.coded(&LANES).unwrap();
            for (threads, by) in [(1, best()), (3, Simd::SCALAR)] {
                let settings = Settings {
                    threads,
                    by,
                    ..LANES
                };
                assert!(case.coded(&settings).unwrap() == payload);
                assert!(case.decoded(&payload, &settings).unwrap() == tokens[..count]);
            }
        }
    }
}

#[test]
fn damage_is_an_error_or_other_tokens() {
    let (model, trie, network) = (plain(&describe(&[])), vocabulary(), pretrained());
    let tokens = Numbers(4).tokens(80, 50);
    let case = Case {
        model: &model,
        trie: &trie,
        network: Some(&network),
        tokens: &tokens,
        joint: true,
    };
    let payload = case.coded(&LANES).unwrap();
    let mut errors = 0;
    for at in 0..payload.len() {
        let mut damaged = payload.clone();
        damaged[at] ^= 0x55;
        match case.decoded(&damaged, &LANES) {
            Ok(found) => assert!(found != tokens, "{at}"),
            Err(Error::Corrupt { .. } | Error::Truncated { .. }) => errors += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(errors > payload.len() / 4, "{errors}");
    // What is likely takes few bits, so that a payload may lack its end unnoticed: then the tokens are others.
    for cut in [0, 1, payload.len() / 2] {
        match case.decoded(&payload[..cut], &LANES) {
            Ok(found) => assert!(found != tokens, "{cut}"),
            Err(Error::Corrupt { .. } | Error::Truncated { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn without_a_network_nothing_is_joined() {
    let (model, trie) = (plain(&describe(&[])), vocabulary());
    let case = |joint| Case {
        model: &model,
        trie: &trie,
        network: None,
        tokens: &[3, 4],
        joint,
    };
    let error = case(true).coded(&LANES).unwrap_err();
    assert!(matches!(error, Error::Parameter { .. }), "{error}");
    let payload = case(false).coded(&LANES).unwrap();
    assert_eq!(case(false).decoded(&payload, &LANES).unwrap(), [3, 4]);
}
