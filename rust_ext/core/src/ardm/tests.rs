//! Networks of random weights: what is coded comes back, whatever the steps, and what is damaged is an error.
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)] // small numbers

use super::network::permutation;
use super::*;
use crate::samples::{decode, decode_samples, encode, mixed};
use crate::Error;
use proptest::prelude::*;
use safetensors::tensor::{serialize, Dtype, TensorView};
use serde_json::json;
use std::collections::HashMap;

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x1405_7B7E_F767_814F);
        usize::try_from((self.0 >> 33) % below as u64).unwrap()
    }
}

/// The parts of a file of weights.
#[derive(Clone)]
struct File {
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
    config: serde_json::Value,
}

impl File {
    /// A network of random weights for items of some axes.
    fn random(axes: &[usize], levels: &[usize], outline: bool, seed: u64) -> Self {
        let mut random = Random(seed);
        let size: usize = axes.iter().product();
        let alphabet: usize = levels.iter().product();
        let mut nodes = 2;
        let mut below = 1;
        for branches in levels {
            below *= branches;
            nodes += below;
        }
        let reach: Vec<usize> = axes.iter().map(|&side| (side - 1).min(2)).collect();
        let around: usize = reach.iter().map(|r| 2 * r + 1).product();
        let (features, width, hidden, said, told) = (3, 20, 40, 10, 32);
        let inputs = around * features + if outline { said + told } else { 0 };
        let mut file = Self {
            tensors: Vec::new(),
            config: json!({
                "axes": axes, "levels": levels, "reach": reach, "features": features,
                "width": width, "hidden": hidden, "blocks": 2, "outline_features": 2,
                "outline": if outline { 24 } else { 0 }, "outline_hidden": 36,
                "outline_blocks": 1, "said": said, "told": told,
            }),
        };
        let mut bytes: Vec<u8> = (0..=255).collect();
        let mut order: Vec<i32> = (0..).take(size).collect();
        for at in (1..256).rev() {
            bytes.swap(at, random.next(at + 1));
        }
        for at in (1..size).rev() {
            order.swap(at, random.next(at + 1));
        }
        bytes.truncate(alphabet);
        file.put("symbols", Dtype::U8, &[alphabet], bytes);
        file.numbers("order", &order);
        let powers: Vec<i32> = (0..1024)
            .map(|i| (8_388_608.0 * (-f64::from(i) / 1024.0).exp2()) as i32)
            .collect();
        file.numbers("exp2", &powers);
        file.features("near", nodes, features, &mut random);
        file.matrix("first", width, inputs, 3000, &mut random);
        for n in 0..2 {
            file.layer(&format!("blocks.{n}"), width, hidden, &mut random);
        }
        file.matrix("out", alphabet, width, 900, &mut random);
        file.bias("out", alphabet, 500, &mut random);
        if outline {
            file.features("all", nodes, 2, &mut random);
            file.matrix("enter", 24, size * 2, 3000, &mut random);
            file.layer("outline.0", 24, 36, &mut random);
            file.matrix("leave", said, 24, 3000, &mut random);
            file.matrix("tell", size * told, said, 3000, &mut random);
            file.bias("tell", size * told, 1 << 16, &mut random);
        }
        file
    }

    fn put(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: Vec<u8>) {
        self.tensors.retain(|(other, ..)| other != name);
        self.tensors.push((name.into(), dtype, shape.into(), bytes));
    }

    fn numbers(&mut self, name: &str, values: &[i32]) {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.put(name, Dtype::I32, &[values.len()], bytes);
    }

    fn features(&mut self, name: &str, rows: usize, columns: usize, random: &mut Random) {
        let bytes = (0..rows * columns)
            .map(|_| (random.next(128) as u8).wrapping_sub(64))
            .collect();
        self.put(name, Dtype::I8, &[rows, columns], bytes);
    }

    fn matrix(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
        most: usize,
        random: &mut Random,
    ) {
        let weights = (0..rows * columns)
            .map(|_| (random.next(255) as u8).wrapping_sub(127))
            .collect();
        let scales: Vec<i32> = (0..rows)
            .map(|_| i32::try_from(random.next(most << 10)).unwrap())
            .collect();
        self.put(
            &format!("{name}.weight"),
            Dtype::I8,
            &[rows, columns],
            weights,
        );
        self.numbers(&format!("{name}.scale"), &scales);
    }

    fn bias(&mut self, name: &str, rows: usize, most: usize, random: &mut Random) {
        let biases: Vec<i32> = (0..rows)
            .map(|_| i32::try_from(random.next(most)).unwrap())
            .collect();
        self.numbers(&format!("{name}.bias"), &biases);
    }

    fn layer(&mut self, name: &str, width: usize, hidden: usize, random: &mut Random) {
        self.matrix(&format!("{name}.up"), hidden, width, 600, random);
        self.matrix(&format!("{name}.down"), width, hidden, 2000, random);
    }

    fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, dtype, shape, bytes)| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
            (name.clone(), view)
        });
        let words = HashMap::from([
            ("format".into(), "ardm-1".into()),
            ("config".into(), self.config.to_string()),
        ]);
        serialize(views, Some(words)).unwrap()
    }

    fn network(&self) -> Network {
        Network::parse(&self.bytes()).unwrap()
    }
}

/// Steps that cut all stages at random.
fn cut(network: &Network, random: &mut Random) -> Vec<u32> {
    let mut steps = Vec::new();
    for _ in 0..network.stages() {
        let mut left = network.size();
        while left > 0 {
            let step = 1 + random.next(left);
            steps.push(u32::try_from(step).unwrap());
            left -= step;
        }
    }
    steps
}

fn items(network: &Network, count: usize, random: &mut Random) -> Vec<u8> {
    (0..count * network.size())
        .map(|_| network.bytes[random.next(network.alphabet())])
        .collect()
}

fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>, bool)> {
    let axes = prop_oneof![
        Just(vec![1]),
        Just(vec![7]),
        Just(vec![4, 5]),
        Just(vec![3, 2, 2])
    ];
    let levels = prop_oneof![
        Just(vec![2]),
        Just(vec![27]),
        Just(vec![4, 3]),
        Just(vec![2, 2, 2, 2]),
        Just(vec![256]),
        Just(vec![16, 16])
    ];
    (axes, levels, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_coded_comes_back(
        (axes, levels, outline) in shapes(),
        seed in any::<u64>(),
        count in 0..9_usize,
        group in 1..5_usize,
        rest in 0..3_usize,
    ) {
        let network = File::random(&axes, &levels, outline, seed).network();
        let mut random = Random(seed);
        let steps = cut(&network, &mut random);
        let layout = Layout { network: &network, steps: &steps, group, threads: 1 };
        let mut symbols = items(&network, count, &mut random);
        if count > 2 {
            // One that may be outside of the alphabet.
            symbols[network.size()] ^= 1 + random.next(255) as u8;
        }
        symbols.extend(std::iter::repeat_n(7, rest.min(network.size() - 1)));
        let payload = encode(&layout, &symbols, &mut |_| false).unwrap();
        let more = Layout { threads: 3, ..layout };
        prop_assert_eq!(&encode(&more, &symbols, &mut |_| false).unwrap(), &payload);
        prop_assert_eq!(&decode(&more, &payload, symbols.len(), &mut |_| false).unwrap(), &symbols);
        let first = random.next(count + 1);
        let last = first + random.next(count - first + 1);
        let some = decode_samples(&layout, &payload, symbols.len(), first..last).unwrap();
        prop_assert_eq!(&some[..], &symbols[first * network.size()..last * network.size()]);
    }

    #[test]
    fn damage_is_an_error_or_other_items(seed in any::<u64>(), at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let network = File::random(&[4, 3], &[4, 4], true, seed).network();
        let mut random = Random(seed);
        let steps = cut(&network, &mut random);
        let layout = Layout { network: &network, steps: &steps, group: 2, threads: 1 };
        let symbols = items(&network, 4, &mut random);
        let payload = encode(&layout, &symbols, &mut |_| false).unwrap();
        let mut damaged = payload.clone();
        let at = at.index(payload.len());
        damaged[at] ^= flip;
        match decode(&layout, &damaged, symbols.len(), &mut |_| false) {
            Ok(found) => prop_assert_eq!(found.len(), symbols.len()),
            Err(Error::Corrupt { .. } | Error::Truncated { .. }) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
        let cut = decode(&layout, &payload[..at], symbols.len(), &mut |_| false);
        let refused = matches!(cut, Err(Error::Corrupt { .. } | Error::Truncated { .. }));
        prop_assert!(refused);
    }
}

#[test]
fn code_lengths_are_those_of_streams_and_of_what_is_measured() {
    let network = File::random(&[5, 4], &[4, 3], true, 3).network();
    let mut random = Random(8);
    let symbols = items(&network, 40, &mut random);
    let steps = cut(&network, &mut random);
    let layout = Layout {
        network: &network,
        steps: &steps,
        group: 40,
        threads: 1,
    };
    let lengths = code_lengths(&layout, &symbols, &mut |_| false).unwrap();
    let bits: f64 = lengths.iter().sum();
    let bytes = encode(&layout, &symbols, &mut |_| false).unwrap().len();
    assert!((bits / 8.0 - 2.0..bits / 8.0 + 12.0).contains(&(bytes as f64)));
    let one = Layout {
        steps: &[1; 40],
        ..layout
    };
    let one = code_lengths(&one, &symbols, &mut |_| false).unwrap();
    let order: Vec<i32> = network.order().iter().map(|&p| p as i32).collect();
    let places = [0, 3, 11];
    let measured = Measured {
        network: &network,
        order: &order,
        places: &places,
        threads: 1,
    };
    let sums = costs(&measured, &symbols, &mut |_| false).unwrap();
    let more = Measured {
        threads: 3,
        ..measured
    };
    assert_eq!(costs(&more, &symbols, &mut |_| false).unwrap(), sums);
    assert_eq!(sums.len(), 2 * 4 * 20);
    let each: f64 = sums.chunks(80).flat_map(|stage| &stage[60..]).sum();
    let whole: f64 = one.iter().sum();
    assert!((each - whole).abs() < 1e-6, "{each} {whole}");
    // Steps that begin at the places.
    let mut called = 0.0;
    for stage in sums.chunks(80) {
        for (number, range) in [0..3, 3..11, 11..20].into_iter().enumerate() {
            called += stage[number * 20..][range].iter().sum::<f64>();
        }
        assert!(stage[20..23]
            .iter()
            .chain(&stage[40..51])
            .all(|&b| b == 0.0));
    }
    let same = Layout {
        steps: &[3, 8, 9, 3, 8, 9],
        ..layout
    };
    let whole: f64 = code_lengths(&same, &symbols, &mut |_| false)
        .unwrap()
        .iter()
        .sum();
    assert!((called - whole).abs() < 1e-6, "{called} {whole}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let network = File::random(&[3], &[4], true, 3).network();
    let item = items(&network, 1, &mut Random(1));
    let stranger = (0..=255).find(|&b| network.symbol(b).is_none()).unwrap();
    let foreign = vec![stranger; 3];
    for (order, places, item) in [
        (&[0, 1, 1][..], &[0][..], &item[..]),
        (&[0, 1], &[0], &item),
        (&[0, 1, 2], &[], &item),
        (&[0, 1, 2], &[1], &item),
        (&[0, 1, 2], &[0, 2, 2], &item),
        (&[0, 1, 2], &[0, 3], &item),
        (&[0, 1, 2], &[0], &item[1..]),
        (&[0, 1, 2], &[0], &foreign),
    ] {
        let measured = Measured {
            network: &network,
            order,
            places,
            threads: 1,
        };
        let result = costs(&measured, item, &mut |_| false);
        assert!(
            matches!(result, Err(Error::Parameter { .. })),
            "{order:?} {places:?}"
        );
    }
}

#[test]
fn an_item_takes_few_bytes_more_than_its_bits() {
    let network = File::random(&[16], &[4], true, 5).network();
    let mut random = Random(1);
    for seed in 0..50 {
        let symbols = items(&network, 1, &mut random);
        let steps = cut(&network, &mut Random(seed));
        let layout = Layout {
            network: &network,
            steps: &steps,
            group: 1,
            threads: 1,
        };
        let bits = code_lengths(&layout, &symbols, &mut |_| false).unwrap()[0];
        let bytes = encode(&layout, &symbols, &mut |_| false).unwrap().len();
        assert!(bytes as f64 <= bits / 8.0 + 10.0, "{bytes} {bits}");
    }
}

#[test]
fn steps_must_cover_all_positions_of_each_stage() {
    let network = File::random(&[6], &[2, 2], false, 1).network();
    let symbols = items(&network, 2, &mut Random(1));
    for steps in [
        &[][..],
        &[6],
        &[6, 5],
        &[6, 6, 1],
        &[12],
        &[0, 6, 6],
        &[4, 4, 4],
        &[u32::MAX, 6],
    ] {
        let layout = Layout {
            network: &network,
            steps,
            group: 1,
            threads: 1,
        };
        let result = encode(&layout, &symbols, &mut |_| false);
        assert!(matches!(result, Err(Error::Parameter { .. })), "{steps:?}");
        let result = decode(&layout, &[0, 0, 1], 12, &mut |_| false);
        assert!(matches!(result, Err(Error::Parameter { .. })), "{steps:?}");
    }
}

#[test]
fn neighbours_are_those_of_a_picture() {
    let network = File::random(&[3, 4], &[2], false, 1).network();
    let around = network.config.around();
    assert_eq!(around, 25);
    let row = &network.neighbours[5 * around..][..around];
    // Position 5 is in row 1 and column 1; rows go two up and down, columns two to each side.
    let expected = [
        12, 12, 12, 12, 12, 12, 0, 1, 2, 3, 12, 4, 5, 6, 7, 12, 8, 9, 10, 11, 12, 12, 12, 12, 12,
    ];
    assert_eq!(row, expected);
}

#[test]
fn permutations_have_each_number_once() {
    assert_eq!(permutation(&[2, 0, 1]), Some(vec![2, 0, 1]));
    for wrong in [&[0, 0, 1][..], &[0, 1, 3], &[-1, 0, 1]] {
        assert_eq!(permutation(wrong), None);
    }
}

#[test]
fn files_that_are_none_are_refused() {
    let file = File::random(&[4, 5], &[4, 4], true, 2);
    let refused = |file: &File| matches!(Network::parse(&file.bytes()), Err(Error::Weights { .. }));
    assert!(!refused(&file));
    for (name, value) in [
        ("axes", json!([4, 6])),
        ("axes", json!([])),
        ("axes", json!([0, 5])),
        ("axes", json!([1_u64 << 40, 1_u64 << 40])),
        ("levels", json!([16])),
        ("levels", json!([4, 1, 4])),
        ("levels", json!([512])),
        ("reach", json!([2])),
        ("reach", json!([1_u64 << 15, 1_u64 << 15])),
        ("features", json!(0)),
        ("features", json!(-1)),
        ("width", json!(1 << 20)),
        ("blocks", json!(1000)),
        ("told", json!(33)),
        ("said", json!(0)),
    ] {
        let mut wrong = file.clone();
        wrong.config[name] = value.clone();
        assert!(refused(&wrong), "{name} {value}");
    }
    let mut wrong = file.clone();
    wrong.config["more"] = json!(1);
    assert!(refused(&wrong));
    // A list of the same numbers is no object.
    let mut wrong = file.clone();
    let names = [
        "axes",
        "levels",
        "reach",
        "features",
        "width",
        "hidden",
        "blocks",
        "outline_features",
        "outline",
        "outline_hidden",
        "outline_blocks",
        "said",
        "told",
    ];
    wrong.config = names
        .iter()
        .map(|&name| file.config[name].clone())
        .collect();
    assert!(refused(&wrong));
    let mut wrong = file.clone();
    wrong.numbers("order", &[0; 20]);
    assert!(refused(&wrong));
    let mut wrong = file.clone();
    wrong.put("symbols", Dtype::U8, &[16], vec![9; 16]);
    assert!(refused(&wrong));
    let mut wrong = file.clone();
    wrong.put("near", Dtype::I8, &[22, 3], vec![100; 66]);
    assert!(refused(&wrong));
    let mut wrong = file.clone();
    wrong.numbers("first.scale", &[i32::MAX; 20]);
    wrong.numbers("leave.scale", &[i32::MAX; 10]);
    assert!(refused(&wrong));
    for name in file.tensors.iter().map(|(name, ..)| name) {
        let mut wrong = file.clone();
        wrong.tensors.retain(|(other, ..)| other != name);
        assert!(refused(&wrong), "{name}");
    }
    let bytes = file.bytes();
    for length in (0..bytes.len()).step_by(997) {
        assert!(Network::parse(&bytes[..length]).is_err());
    }
}

fn beside(ahead: &[u8]) -> mixed::Beside<'_> {
    mixed::Beside {
        params: crate::cm::Params {
            level: 9,
            kind: crate::cm::Kind::Grey,
            record: 5,
            row: 4,
            lanes: 1,
            roomy: true,
        },
        ahead,
    }
}

#[test]
fn pictures_come_back_with_contexts_beside() {
    let network = File::random(&[4, 5], &[27], true, 4).network();
    let mut random = Random(3);
    let known = items(&network, 30, &mut random);
    let pixels = || Pixels::new(&network).unwrap();
    let mut plain = usize::MAX;
    for ahead in [&[][..], &known] {
        for (count, tail) in [(0, 0), (1, 0), (9, 7), (0, 19)] {
            let mut symbols = known[..20 * count + tail].to_vec();
            // Bytes that may be outside of the alphabet.
            symbols
                .iter_mut()
                .step_by(11)
                .for_each(|byte| *byte ^= 0x4d);
            let payload = mixed::encode(pixels(), beside(ahead), &symbols, &mut |_| false).unwrap();
            let found = mixed::decode(
                pixels(),
                beside(ahead),
                &payload,
                symbols.len(),
                &mut |_| false,
            );
            assert_eq!(found.unwrap(), symbols);
        }
        let payload = mixed::encode(pixels(), beside(ahead), &known, &mut |_| false).unwrap();
        assert!(payload.len() < plain);
        plain = payload.len();
    }
    let refused = mixed::encode(pixels(), beside(&known[1..]), &known, &mut |_| false);
    assert!(matches!(refused, Err(Error::Parameter { .. })));
    let stages = File::random(&[4, 5], &[4, 4], true, 4).network();
    assert!(matches!(Pixels::new(&stages), Err(Error::Parameter { .. })));
}

#[test]
fn what_a_network_tells_of_pictures_is_used() {
    // It says of all what it says of most: the first symbol, if all biases but its are low.
    let mut file = File::random(&[4, 5], &[16], false, 4);
    let biases: Vec<i32> = (0..16).map(|n| if n == 0 { 12 << 10 } else { 0 }).collect();
    file.numbers("out.bias", &biases);
    file.numbers("out.scale", &[0; 16]);
    let network = file.network();
    let picture = [network.bytes[0]; 20];
    let other = [network.bytes[1]; 20];
    let size = |symbols: &[u8]| {
        let pixels = Pixels::new(&network).unwrap();
        mixed::encode(pixels, beside(&[]), symbols, &mut |_| false)
            .unwrap()
            .len()
    };
    assert!(size(&picture) < size(&other));
}
