//! Networks, with what the predictor of level 9 has learnt beside them.

use super::prior::Prior;
use super::strong::{Layout, Learnt, Part, Plan};
use super::tables::Tables;
use super::{Kind, Knowledge, Params};
use crate::bytelm::network::Network;
use crate::nn::tensors::{with_tensor, Tensors};
use crate::{Error, Result};

/// Tensors of what was learnt, for each way in which a network takes part in the mix.
const STARTS: [(&str, Part); 2] = [("cm.start.2", Part::Second), ("cm.start", Part::First)];
/// The parameters of the predictor that learns.
const PARAMS: Params = Params {
    level: 9,
    kind: Kind::Text,
    record: 1,
    row: 1,
    lanes: 1,
    roomy: true,
};

/// The layout of the predictor that learns.
fn layout(part: Part) -> Layout {
    Layout::new(&Plan::new(Kind::Text, Some(part)), Kind::Text, Some(part))
}

/// A network, and maybe what was learnt beside it.
#[derive(Debug)]
pub struct Pretrained {
    network: Network,
    part: Part,
    start: Option<Learnt>,
}

impl Pretrained {
    /// Reads a file of weights.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] when it is not one, or a value is out of range.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let tensors = Tensors::parse(file)?;
        let network = Network::take(&tensors)?;
        for (name, part) in STARTS {
            if let Some(bytes) = tensors.raw(name)? {
                let start = Learnt::parse(bytes, &layout(part), &Tables::new()).map_err(|_| {
                    Error::Weights {
                        what: "what was learnt in tuning does not fit",
                    }
                })?;
                return Ok(Self {
                    network,
                    part,
                    start: Some(start),
                });
            }
        }
        Ok(Self {
            network,
            part: Part::First,
            start: None,
        })
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// How it takes part in the mix.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// What was learnt beside it.
    #[must_use]
    pub fn start(&self) -> Option<&Learnt> {
        self.start.as_ref()
    }

    /// Bytes that predictors beside it leave in memory for the next ones, at most.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.start().map_or(0, |learnt| learnt.kept_bytes)
    }

    /// Learns from samples, one after the other, that are coded with this network and a prior; returns the file of
    /// weights with that.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] when there is too little memory; [`crate::Error::Interrupted`];
    /// [`crate::Error::Weights`] when the file is not that of a network.
    pub fn learn<T: AsRef<[u8]>>(file: &[u8], samples: &[T], prior: &Prior) -> Result<Vec<u8>> {
        let [(name, part), _] = STARTS;
        let plain = Self {
            part,
            start: None,
            ..Self::parse(file)?
        };
        let known = Knowledge {
            prior: Some(prior),
            network: Some(&plain),
            ..Knowledge::default()
        };
        let learnt = Learnt::train(samples, &PARAMS, known)?;
        with_tensor(file, name, &learnt, &STARTS.map(|(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cm::prior::train::{Settings, Trainer};
    use crate::cm::strong::Parts;
    use crate::cm::{decode, encode};

    const TEXT: &[u8] =
        b"She sells sea shells by the sea shore; the shells she sells are sea shells. ";

    fn file() -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/");
        std::fs::read(format!("{folder}bytelm-tiny.safetensors")).unwrap()
    }

    fn prior() -> Prior {
        let settings = Settings {
            buckets: 64,
            segment: 200,
            ..Settings::default()
        };
        let mut trainer = Trainer::new(vec![TEXT.repeat(9)], settings);
        while trainer.step().is_some() {}
        Prior::new("shells", trainer.finish().0).unwrap()
    }

    /// The payload of a text that is a little like the other.
    fn payload(prior: &Prior, network: Option<&Pretrained>) -> Vec<u8> {
        let text = b"He says that she sells shells, and that these were found by the shore.";
        let known = Knowledge {
            prior: Some(prior),
            network,
            ..Knowledge::default()
        };
        let payload = encode(text, &PARAMS, known).unwrap();
        assert_eq!(decode(&payload, text.len(), &PARAMS, known).unwrap(), text);
        payload
    }

    fn known<'a>(prior: &'a Prior, network: &'a Pretrained) -> Knowledge<'a> {
        Knowledge {
            prior: Some(prior),
            network: Some(network),
            ..Knowledge::default()
        }
    }

    /// Each message is coded by a predictor in the memory of the last one, and by one that is new; in between come
    /// payloads that are cut or of other messages, and texts for which the memory is too small.
    #[test]
    fn nothing_of_a_message_is_left_for_the_next_one() {
        let (prior, samples) = (prior(), [TEXT.repeat(3)]);
        let tuned = Pretrained::learn(&file(), &samples, &prior).unwrap();
        let warm = Pretrained::parse(&tuned).unwrap();
        let text = TEXT.repeat(140);
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(99);
            (random >> 33) as usize % below
        };
        let mut refused = 0;
        for length in [0, 1, 300, 9, 2500, 40, 9000, 700, 2, 150, 1500, 64] {
            let start = next(text.len() - length);
            let mut message = text[start..start + length].to_vec();
            for _ in 0..length / 10 {
                let at = next(length);
                message[at] = next(256) as u8;
            }
            let fresh = Pretrained::parse(&tuned).unwrap();
            let payload = encode(&message, &PARAMS, known(&prior, &fresh)).unwrap();
            assert!(payload == encode(&message, &PARAMS, known(&prior, &warm)).unwrap());
            // What follows a cut may be one byte after the other that is sure, and no end is noticed; mostly it is.
            let cut = &payload[..payload.len() / 2];
            refused += usize::from(decode(cut, length, &PARAMS, known(&prior, &warm)).is_err());
            let _ = decode(
                &payload[payload.len() / 3..],
                length,
                &PARAMS,
                known(&prior, &warm),
            );
            let decoded = decode(&payload, length, &PARAMS, known(&prior, &warm)).unwrap();
            assert!(decoded == message);
        }
        assert!(refused > 2, "{refused}");
        let kept = &warm.start().unwrap().parts;
        let parts = kept.get(|_| true).unwrap();
        assert!(parts.bytes() <= Parts::BYTES);
        assert!(warm.kept_bytes() > 2 * Parts::BYTES as u64);
    }

    #[test]
    fn memory_of_the_longest_messages_is_as_counted() {
        let (prior, samples) = (prior(), [TEXT.repeat(3)]);
        let tuned = Pretrained::learn(&file(), &samples, &prior).unwrap();
        let network = Pretrained::parse(&tuned).unwrap();
        let known = Knowledge {
            network: Some(&network),
            ..Knowledge::default()
        };
        let kept = &network.start().unwrap().parts;
        for (length, is_kept) in [(8191, true), (8193, false)] {
            encode(&TEXT.repeat(110)[..length], &PARAMS, known).unwrap();
            let parts = kept.get(|_| true);
            assert_eq!(parts.is_some(), is_kept);
            assert!(parts.is_none_or(|parts| parts.bytes() <= Parts::BYTES));
        }
    }

    #[test]
    fn what_was_learnt_is_read_back_and_shorter() {
        let (file, prior) = (file(), prior());
        let plain = Pretrained::parse(&file).unwrap();
        assert!(plain.start().is_none());
        let samples = [&TEXT.repeat(3)[..], &TEXT[9..], b""];
        let tuned = Pretrained::learn(&file, &samples, &prior).unwrap();
        let again = Pretrained::learn(&tuned, &samples, &prior).unwrap();
        assert!(again == tuned);
        // What was learnt for the other way in which a network takes part is replaced, too.
        let [_, (name, part)] = STARTS;
        let layout = layout(part);
        let flags = layout.sets.iter().chain(&layout.maps).sum::<usize>() / 8;
        let empty = vec![0; head(&layout) + flags];
        let before = with_tensor(&file, name, &empty, &[]).unwrap();
        assert_eq!(Pretrained::parse(&before).unwrap().part(), part);
        assert!(Pretrained::learn(&before, &samples, &prior).unwrap() == tuned);
        let tuned = Pretrained::parse(&tuned).unwrap();
        assert!(tuned.start().is_some());
        let [alone, beside, started] =
            [None, Some(&plain), Some(&tuned)].map(|network| payload(&prior, network));
        assert!(alone != beside && beside != started);
        assert!(started.len() < beside.len());
    }

    #[test]
    fn memory_that_was_used_is_as_new() {
        let (file, prior) = (file(), prior());
        let tuned = Pretrained::learn(&file, &[TEXT.repeat(3)], &prior).unwrap();
        let [first, second] = [0; 2].map(|_| Pretrained::parse(&tuned).unwrap());
        let alone = payload(&prior, Some(&first));
        let known = Knowledge {
            prior: Some(&prior),
            network: Some(&second),
            ..Knowledge::default()
        };
        // A text of more changes than are noted, between short ones.
        for times in [1, 200, 2] {
            let text = TEXT.repeat(times);
            encode(&text, &PARAMS, known).unwrap();
            assert_eq!(payload(&prior, Some(&second)), alone);
        }
    }

    #[test]
    fn a_start_that_does_not_fit_is_refused() {
        let file = file();
        for (name, _) in STARTS {
            for length in [0, 1, 1000, 1 << 20] {
                let with = with_tensor(&file, name, &vec![0; length], &[]).unwrap();
                let error = Pretrained::parse(&with).unwrap_err();
                assert!(error.to_string().contains("does not fit"), "{error}");
            }
        }
    }

    #[test]
    fn any_start_codes_and_decodes() {
        let (file, prior) = (file(), prior());
        for (name, part) in STARTS {
            any_start_of(part, &|start| {
                let with = with_tensor(&file, name, &start, &[]).unwrap();
                let network = Pretrained::parse(&with).unwrap();
                assert_eq!(network.part(), part);
                payload(&prior, Some(&network));
            });
        }
    }

    /// Bytes of a start before the flags of vectors.
    fn head(layout: &Layout) -> usize {
        2 * (layout.states + layout.votes)
            + 32 * (layout.finals.iter().sum::<usize>() + 1)
            + layout.sets.len() * (1 + 32 * layout.lines)
    }

    fn any_start_of(part: Part, code: &dyn Fn(Vec<u8>)) {
        let layout = layout(part);
        let vectors: usize = layout.sets.iter().sum();
        let head = head(&layout);
        let rows: usize = layout.maps.iter().sum();
        for value in [0x80, 0x7F, 0xFF, 0x01] {
            // All vectors and no row of a map, or the other way round.
            let mut start = vec![value; head];
            start.extend(vec![0xFF; vectors / 8]);
            start.extend(vec![value; vectors * (1 + 32 * layout.lines)]);
            start.extend(vec![0; rows / 8]);
            code(start);
        }
        let mut start = vec![0; head + vectors / 8];
        for rows in layout.maps {
            start.extend(vec![0xFF; rows / 8]);
            start.extend(vec![0x80; 16 * rows]);
        }
        code(start);
    }

    /// Two texts in turn, so that lanes meet what others know, of this many bytes.
    fn texts(count: usize) -> Vec<u8> {
        let other = b"The shore is where shells are sold, 27 of them; she said so. ";
        let mut text = TEXT.repeat(7);
        text.extend(other.repeat(9));
        text.into_iter().cycle().take(count).collect()
    }

    #[test]
    fn threads_change_nothing() {
        let (file, prior) = (file(), prior().with_text(&TEXT[9..]).unwrap());
        let tuned = Pretrained::learn(&file, &[TEXT.repeat(3)], &prior).unwrap();
        for (file, part) in [(file, Part::First), (tuned, Part::Second)] {
            let network = Pretrained::parse(&file).unwrap();
            assert_eq!(network.part(), part);
            threads_change_nothing_beside(&network, &prior);
        }
    }

    fn threads_change_nothing_beside(network: &Pretrained, prior: &Prior) {
        let several = [0, 1, 2, 3, 25, 2000].into_iter().zip([2, 2, 3, 2, 8, 2]);
        let one = [0, 1, 127, 128, 129, 160, 161, 5000].map(|count| (count, 1));
        for (count, lanes) in several.chain(one) {
            let text = texts(count);
            let params = Params { lanes, ..PARAMS };
            let known = |threads| Knowledge {
                prior: Some(prior),
                network: Some(network),
                threads,
            };
            let payload = encode(&text, &params, known(1)).unwrap();
            assert!(payload == encode(&text, &params, known(2)).unwrap());
            for threads in [0, 1, 2] {
                let decoded = decode(&payload, count, &params, known(threads)).unwrap();
                assert!(decoded == text, "{count} bytes in {lanes} lanes");
            }
            for cut in [0, payload.len() / 2] {
                // Any result will do: an error, or bytes.
                let _ = decode(&payload[..cut], count + 100, &params, known(2));
            }
        }
    }

    #[test]
    fn lanes_change_places_in_long_texts() {
        let network = Pretrained::parse(&file()).unwrap();
        let text = texts((1 << 17) + 12_345);
        let params = Params { lanes: 3, ..PARAMS };
        let known = Knowledge {
            network: Some(&network),
            threads: 2,
            ..Knowledge::default()
        };
        let payload = encode(&text, &params, known).unwrap();
        assert!(payload.len() < 1500, "{}", payload.len());
        assert!(decode(&payload, text.len(), &params, known).unwrap() == text);
    }

    #[test]
    fn lanes_out_of_range_are_refused() {
        for params in [
            Params { lanes: 0, ..PARAMS },
            Params { lanes: 9, ..PARAMS },
            Params {
                lanes: 2,
                level: 8,
                ..PARAMS
            },
            Params {
                lanes: 2,
                kind: Kind::Binary,
                ..PARAMS
            },
        ] {
            let error = encode(b"", &params, None).unwrap_err();
            assert!(error.to_string().contains("lanes of cm"), "{error}");
        }
    }
}
