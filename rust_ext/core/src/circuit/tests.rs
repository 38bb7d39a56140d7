//! Circuits against enumeration and a naive evaluation in 64-bit floats.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)] // small numbers

use super::*;
use crate::lm::dot::Simd;
use crate::samples::{decode, decode_samples, encode, mixed};
use crate::Error;
use proptest::prelude::*;
use safetensors::tensor::{serialize, Dtype, TensorView};

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

/// The shape of a tree: the parent of each node but the first.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Any,
    Chain,
    Star,
    Balanced,
}

/// A circuit as it is stored, with what a naive evaluation needs.
#[derive(Debug, Clone)]
struct Stored {
    parents: Vec<i32>,
    states: Vec<u16>,
    variables: Vec<i32>,
    categories: Vec<u16>,
    transitions: Vec<u16>,
    emissions: Vec<u16>,
}

impl Stored {
    /// A circuit of random weights, of which some transitions are zero.
    fn random(seed: u64, count: usize, shape: Shape, most: (usize, usize)) -> Self {
        let mut random = Random(seed);
        let parent = |node: usize, random: &mut Random| match shape {
            Shape::Any => random.next(node),
            Shape::Chain => node - 1,
            Shape::Star => 0,
            Shape::Balanced => (node - 1) / 2,
        };
        let mut parents = vec![-1];
        parents.extend((1..count).map(|node| i32::try_from(parent(node, &mut random)).unwrap()));
        let short = |x: usize| u16::try_from(x).unwrap();
        let states: Vec<u16> = (0..count).map(|_| short(1 + random.next(most.0))).collect();
        // The last one always has a variable.
        let carries: Vec<bool> = (0..count)
            .map(|node| node + 1 == count || random.next(4) > 0)
            .collect();
        let mut numbers: Vec<i32> = (0..).take(carries.iter().filter(|&&c| c).count()).collect();
        for at in (1..numbers.len()).rev() {
            numbers.swap(at, random.next(at + 1));
        }
        let categories: Vec<u16> = numbers
            .iter()
            .map(|_| short(1 + random.next(most.1)))
            .collect();
        let mut numbers = numbers.into_iter();
        let variables: Vec<i32> = carries
            .iter()
            .map(|&c| if c { numbers.next().unwrap() } else { -1 })
            .collect();
        let (mut transitions, mut emissions) = (Vec::new(), Vec::new());
        for node in 0..count {
            let above = usize::try_from(parents[node]).map_or(1, |p| usize::from(states[p]));
            for _ in 0..above {
                let begin = transitions.len();
                let zeros = random.next(5);
                transitions.extend((0..states[node]).map(|_| {
                    if random.next(5) < zeros {
                        0
                    } else {
                        short(random.next(1 << 16))
                    }
                }));
                if transitions[begin..].iter().all(|&q| q == 0) {
                    transitions[begin] = 1;
                }
            }
            if let Ok(variable) = usize::try_from(variables[node]) {
                let count = usize::from(states[node]) * usize::from(categories[variable]);
                emissions.extend((0..count).map(|_| {
                    // Evidence that turns by more than the floor of what is kept costs bits.
                    let most = 1 << random.next(7);
                    short(1 + random.next(most))
                }));
            }
        }
        Self {
            parents,
            states,
            variables,
            categories,
            transitions,
            emissions,
        }
    }

    fn circuit(&self) -> Circuit {
        let weights = (self.transitions.as_slice(), self.emissions.as_slice());
        Circuit::new(
            &self.parents,
            &self.states,
            &self.variables,
            &self.categories,
            weights,
        )
        .unwrap()
    }

    /// The probability of the values that are given, all others summed out: one pass from the leaves to the root.
    fn probability(&self, given: &[Option<u8>]) -> f64 {
        let part = |row: &[u16], at: usize| {
            f64::from(row[at]) / row.iter().map(|&q| f64::from(q)).sum::<f64>()
        };
        let count = self.parents.len();
        let sizes: Vec<usize> = self.states.iter().map(|&s| usize::from(s)).collect();
        let (mut t, mut e) = (Vec::new(), Vec::new());
        let (mut at, mut place) = (0, 0);
        for node in 0..count {
            t.push(at);
            e.push(place);
            let above = usize::try_from(self.parents[node]).map_or(1, |p| sizes[p]);
            at += above * sizes[node];
            if let Ok(variable) = usize::try_from(self.variables[node]) {
                place += sizes[node] * usize::from(self.categories[variable]);
            }
        }
        let mut below: Vec<Vec<f64>> = sizes.iter().map(|&s| vec![1.0; s]).collect();
        for node in (0..count).rev() {
            if let Some(value) = usize::try_from(self.variables[node])
                .ok()
                .and_then(|v| given[v])
            {
                let width =
                    usize::from(self.categories[usize::try_from(self.variables[node]).unwrap()]);
                for (state, below) in below[node].iter_mut().enumerate() {
                    let row = &self.emissions[e[node] + state * width..][..width];
                    *below *= part(row, usize::from(value));
                }
            }
            let above = usize::try_from(self.parents[node]).map_or(1, |p| sizes[p]);
            for state in 0..above {
                let row = &self.transitions[t[node] + state * sizes[node]..][..sizes[node]];
                let sum: f64 = (0..sizes[node])
                    .map(|z| part(row, z) * below[node][z])
                    .sum();
                match usize::try_from(self.parents[node]) {
                    Ok(parent) => below[parent][state] *= sum,
                    Err(_) => return sum,
                }
            }
        }
        unreachable!()
    }

    fn samples(&self, seed: u64, count: usize) -> Vec<u8> {
        let mut random = Random(seed);
        let width = self.categories.len();
        let value =
            |i: usize| u8::try_from(random.next(usize::from(self.categories[i % width]))).unwrap();
        (0..count * width).map(value).collect()
    }
}

fn any_shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Any),
        Just(Shape::Chain),
        Just(Shape::Star),
        Just(Shape::Balanced)
    ]
}

fn any_order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Tree), Just(Order::Variables)]
}

fn layout<'c>(circuit: &'c Circuit, program: &'c Program, group: usize) -> Layout<'c> {
    Layout {
        circuit,
        program,
        group,
        threads: 1 + group % 3,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn code_lengths_are_those_of_a_naive_evaluation(
        seed in any::<u64>(),
        count in 1..30_usize,
        shape in any_shape(),
        order in any_order(),
        states in 1..7_usize,
        categories in prop_oneof![Just(2_usize), Just(16), Just(17), Just(256)],
    ) {
        let stored = Stored::random(seed, count, shape, (states, categories));
        let (circuit, samples) = (stored.circuit(), stored.samples(seed, 20));
        let program = Program::new(&circuit, order).unwrap();
        let lengths = code_lengths(&layout(&circuit, &program, 1), &samples, &mut |_| false).unwrap();
        for (sample, length) in samples.chunks_exact(circuit.variables()).zip(lengths) {
            let given: Vec<Option<u8>> = sample.iter().copied().map(Some).collect();
            let expected = -stored.probability(&given).log2();
            prop_assert!((length - expected).abs() < 1e-3 + 1e-5 * expected, "{length} {expected}");
        }
    }

    #[test]
    fn samples_come_back_all_and_one_by_one(
        seed in any::<u64>(),
        count in 1..40_usize,
        shape in any_shape(),
        order in any_order(),
        categories in prop_oneof![Just(1_usize), Just(5), Just(255)],
        samples in 0..70_usize,
        tail in 0..5_usize,
        group in 1..50_usize,
        strangers in prop::collection::vec((any::<u16>(), any::<u8>()), 0..6),
    ) {
        let stored = Stored::random(seed, count, shape, (6, categories));
        let circuit = stored.circuit();
        let program = Program::new(&circuit, order).unwrap();
        let layout = layout(&circuit, &program, group);
        let mut symbols = stored.samples(seed, samples);
        symbols.extend((0..tail.min(circuit.variables() - 1)).map(|i| u8::try_from(i).unwrap()));
        for (at, value) in strangers {
            if !symbols.is_empty() {
                let at = usize::from(at) % symbols.len();
                symbols[at] = value;
            }
        }
        let payload = encode(&layout, &symbols, &mut |_| false).unwrap();
        prop_assert_eq!(&decode(&layout, &payload, symbols.len(), &mut |_| false).unwrap(), &symbols);
        let width = circuit.variables();
        for first in (0..samples).step_by(7) {
            let last = samples.min(first + 3);
            let some = decode_samples(&layout, &payload, symbols.len(), first..last).unwrap();
            prop_assert_eq!(&some, &symbols[first * width..last * width]);
        }
    }

    #[test]
    fn bytes_are_those_of_the_scalar_twins(
        seed in any::<u64>(),
        rows in 1..40_usize,
        columns in 1..40_usize,
        zeros in 0..9_usize,
    ) {
        let mut random = Random(seed);
        let mut value = || if random.next(8) < zeros { 0.0 } else {
            f32::from_bits(u32::try_from(random.next(1 << 30)).unwrap() & 0x1FFF_FFFF | 0x2000_0000)
        };
        let weights: Vec<f32> = (0..rows * columns).map(|_| value()).collect();
        let input: Vec<[f32; LANES]> = (0..rows).map(|_| std::array::from_fn(|_| value())).collect();
        let bits = |values: &[[f32; LANES]]| -> Vec<u32> { values.as_flattened().iter().map(|x| x.to_bits()).collect() };
        for (matrix, dense) in [
            (kernels::Matrix::new(&weights, rows, columns), false),
            (kernels::Matrix::transposed(&weights, columns, rows), true),
        ] {
            let at = |i: usize, j: usize| if dense { weights[j * rows + i] } else { weights[i * columns + j] };
            let expected: Vec<[f32; LANES]> = (0..columns)
                .map(|j| std::array::from_fn(|lane| (0..rows).fold(0.0, |sum, i| sum + at(i, j) * input[i][lane])))
                .collect();
            for by in Simd::all() {
                let mut out = vec![[7.0; LANES]; columns];
                simd::mix(by, &matrix, &input, &mut out);
                prop_assert_eq!(bits(&out), bits(&expected));
                let mut scaled = out.clone();
                simd::rescale(by, &mut scaled);
                kernels::rescale(&mut out);
                prop_assert_eq!(bits(&out), bits(&scaled));
                for lane in 0..LANES {
                    let most = out.iter().map(|x| x[lane]).fold(0.0, f32::max);
                    prop_assert!((1.0..2.0).contains(&most));
                }
            }
        }
    }

    #[test]
    fn damage_is_an_error_or_other_samples(
        seed in any::<u64>(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        cut in any::<prop::sample::Index>(),
        claimed in 0..100_000_usize,
    ) {
        let stored = Stored::random(seed, 12, Shape::Any, (4, 40));
        let circuit = stored.circuit();
        let program = Program::new(&circuit, Order::Tree).unwrap();
        let layout = layout(&circuit, &program, 9);
        let symbols = stored.samples(seed, 40);
        let payload = encode(&layout, &symbols, &mut |_| false).unwrap();
        let mut damaged = payload.clone();
        damaged[at.index(payload.len())] ^= flip;
        let expected = |result: Result<Vec<u8>, Error>, count: usize| match result {
            Ok(found) => found.len() == count,
            Err(error) => matches!(error, Error::Corrupt { .. } | Error::Truncated { .. }),
        };
        prop_assert!(expected(decode(&layout, &damaged, symbols.len(), &mut |_| false), symbols.len()));
        let cut = &payload[..cut.index(payload.len())];
        prop_assert!(decode(&layout, cut, symbols.len(), &mut |_| false).is_err());
        prop_assert!(expected(decode(&layout, &payload, claimed, &mut |_| false), claimed));
    }
}

#[test]
fn probabilities_add_up_to_one() {
    let stored = Stored {
        categories: vec![2; 12],
        ..Stored::random(3, 16, Shape::Any, (4, 2))
    };
    let width = stored.variables.iter().filter(|&&v| v >= 0).count();
    let stored = Stored {
        categories: vec![2; width],
        emissions: (1..).take(2 * 16 * 4).collect(),
        ..stored
    };
    let states: usize = stored
        .states
        .iter()
        .zip(&stored.variables)
        .filter(|x| *x.1 >= 0)
        .map(|x| usize::from(*x.0))
        .sum();
    let stored = Stored {
        emissions: stored.emissions[..2 * states].to_vec(),
        ..stored
    };
    let circuit = stored.circuit();
    let all: Vec<u8> = (0..1_u32 << width)
        .flat_map(|number| (0..width).map(move |bit| u8::from(number >> bit & 1 == 1)))
        .collect();
    for order in [Order::Tree, Order::Variables] {
        let program = Program::new(&circuit, order).unwrap();
        let lengths = code_lengths(&layout(&circuit, &program, 1), &all, &mut |_| false).unwrap();
        let sum: f64 = lengths.iter().map(|bits| (-bits).exp2()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }
}

#[test]
fn samples_take_what_the_circuit_says() {
    let stored = Stored::random(5, 60, Shape::Balanced, (8, 100));
    let circuit = stored.circuit();
    let symbols = stored.samples(5, 1000);
    let program = Program::new(&circuit, Order::Tree).unwrap();
    let layout = layout(&circuit, &program, 128);
    let bits: f64 = code_lengths(&layout, &symbols, &mut |_| false)
        .unwrap()
        .iter()
        .sum();
    let bytes = encode(&layout, &symbols, &mut |_| false).unwrap().len();
    let coded = f64::from(u32::try_from(8 * bytes).unwrap());
    assert!(coded < bits * 1.003, "{coded} {bits}");
}

#[test]
fn a_sample_passes_each_edge_twice_at_most() {
    for shape in [Shape::Any, Shape::Chain, Shape::Star, Shape::Balanced] {
        for count in [1, 2, 64, 4096] {
            let circuit = Stored::random(9, count, shape, (2, 2)).circuit();
            let program = Program::new(&circuit, Order::Tree).unwrap();
            assert!(program.passed() < 2 * count);
            assert!(!program.again);
        }
    }
}

#[test]
fn nodes_take_over_the_places_of_others() {
    // A path to the root and its brothers: sixteen nodes of 65 535, and twice as many values as states.
    let circuit = Stored::random(2, 65_535, Shape::Balanced, (1, 2)).circuit();
    let program = Program::new(&circuit, Order::Tree).unwrap();
    assert!(program.room <= 2 * 17, "{}", program.room);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let good = Stored::random(1, 5, Shape::Any, (3, 4));
    let refused = |change: fn(&mut Stored)| {
        let mut bad = good.clone();
        change(&mut bad);
        let weights = (bad.transitions.as_slice(), bad.emissions.as_slice());
        let made = Circuit::new(
            &bad.parents,
            &bad.states,
            &bad.variables,
            &bad.categories,
            weights,
        );
        assert!(matches!(made, Err(Error::Weights { .. })));
    };
    refused(|c| c.parents[0] = 0);
    refused(|c| c.parents[2] = 2);
    refused(|c| c.parents[2] = -1);
    refused(|c| c.parents.clear());
    refused(|c| c.states[1] = 0);
    refused(|c| c.states[1] = 1025);
    refused(|c| c.states.truncate(4));
    refused(|c| c.variables[4] = 99);
    refused(|c| c.variables[4] = -2);
    refused(|c| c.variables[4] = -1);
    refused(|c| c.variables.fill(0));
    refused(|c| c.categories[0] = 0);
    refused(|c| c.categories[0] = 257);
    refused(|c| c.categories.push(2));
    refused(|c| c.transitions.fill(0));
    refused(|c| c.transitions.push(1));
    refused(|c| {
        c.transitions.pop();
    });
    refused(|c| c.emissions[0] = 0);
    refused(|c| c.emissions.push(1));
    refused(|c| {
        c.emissions.pop();
    });
    assert!(Circuit::parse(b"not a file").is_err());
}

/// Pictures of five rows of six pixels, drawn by a generator that likes few values.
fn pictures(seed: u64, count: usize) -> Vec<u8> {
    let mut random = Random(seed);
    (0..30 * count)
        .map(|_| u8::try_from(random.next(4) * random.next(5)).unwrap())
        .collect()
}

fn beside(ahead: &[u8]) -> mixed::Beside<'_> {
    mixed::Beside {
        params: crate::cm::Params {
            level: 9,
            kind: crate::cm::Kind::Grey,
            record: 6,
            row: 5,
            lanes: 1,
            roomy: true,
        },
        ahead,
    }
}

/// A circuit of thirty variables of thirteen values.
fn of_pictures() -> Stored {
    let stored = Stored::random(4, 30, Shape::Balanced, (3, 1));
    let states: usize = stored.states.iter().map(|&s| usize::from(s)).sum();
    let mut random = Random(7);
    Stored {
        variables: (0..30).collect(),
        categories: vec![13; 30],
        emissions: (0..13 * states)
            .map(|_| u16::try_from(1 + random.next(99)).unwrap())
            .collect(),
        ..stored
    }
}

#[test]
fn pictures_come_back_with_contexts_beside() {
    let circuit = of_pictures().circuit();
    let program = Program::new(&circuit, Order::Variables).unwrap();
    let known = pictures(1, 20);
    let mut plain = usize::MAX;
    for ahead in [&[][..], &known] {
        let beside = beside(ahead);
        let pixels = || Pixels::new(&circuit, &program);
        for (count, tail) in [(0, 0), (1, 0), (9, 7), (0, 29)] {
            let mut symbols = pictures(2, count + 1);
            symbols.truncate(30 * count + tail);
            // Values that the circuit does not know.
            symbols
                .iter_mut()
                .step_by(11)
                .for_each(|value| *value = 200);
            let payload = mixed::encode(pixels(), beside, &symbols, &mut |_| false).unwrap();
            let found = mixed::decode(pixels(), beside, &payload, symbols.len(), &mut |_| false);
            assert_eq!(found.unwrap(), symbols);
        }
        let payload = mixed::encode(pixels(), beside, &pictures(3, 20), &mut |_| false).unwrap();
        assert!(payload.len() < plain);
        plain = payload.len();
    }
    let beside = beside(&known[1..]);
    let pixels = Pixels::new(&circuit, &program);
    let refused = mixed::encode(pixels, beside, &known, &mut |_| false);
    assert!(matches!(refused, Err(Error::Parameter { .. })));
}

#[test]
fn damaged_pictures_end() {
    let circuit = of_pictures().circuit();
    let program = Program::new(&circuit, Order::Variables).unwrap();
    let beside = beside(&[]);
    let pixels = || Pixels::new(&circuit, &program);
    let symbols = pictures(2, 12);
    let payload = mixed::encode(pixels(), beside, &symbols, &mut |_| false).unwrap();
    for cut in [0, 1, payload.len() / 2] {
        // Zeros may be what follows; the checksum of the block tells.
        let found = mixed::decode(
            pixels(),
            beside,
            &payload[..cut],
            symbols.len(),
            &mut |_| false,
        );
        assert_ne!(found.as_ref(), Ok(&symbols));
    }
    assert!(mixed::decode(pixels(), beside, &payload, 1 << 29, &mut |_| false).is_err());
    assert!(mixed::decode(pixels(), beside, &payload, usize::MAX, &mut |_| false).is_err());
    let stopped = mixed::encode(pixels(), beside, &pictures(2, 3000), &mut |_| true);
    assert_eq!(stopped, Err(Error::Interrupted));
}

/// A chain whose ends are coded in turn makes a walk that grows as the square of its length.
#[test]
fn walks_are_bounded() {
    let count = 5000_i32;
    let mut variables: Vec<i32> = (0..count).map(|node| 2 * node).collect();
    for node in count / 2..count {
        variables[node as usize] = 2 * (count - 1 - node) + 1;
    }
    let parents: Vec<i32> = (-1..count - 1).collect();
    let ones = vec![1; count as usize];
    let circuit = Circuit::new(&parents, &ones, &variables, &ones, (&ones, &ones)).unwrap();
    assert!(Program::new(&circuit, Order::Tree).is_ok());
    let refused = Program::new(&circuit, Order::Variables);
    assert!(matches!(refused, Err(Error::Weights { .. })));
}

/// A file of 260 kB whose shapes become 64 MiB of values: none are made where that is too much.
#[test]
fn weights_beyond_what_is_allowed_are_not_made() {
    let nodes = 64_usize;
    let numbers = |values: &[u16]| {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes());
        (Dtype::U16, bytes.collect::<Vec<_>>())
    };
    let integers = |values: Vec<i32>| {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes());
        (Dtype::I32, bytes.collect::<Vec<_>>())
    };
    // All are children of the root, which has one state.
    let mut states = vec![1024; nodes];
    states[0] = 1;
    let edges = 1 + 1024 * (nodes - 1);
    let tensors = [
        (
            "parents",
            integers(
                (0..nodes)
                    .map(|node| if node == 0 { -1 } else { 0 })
                    .collect(),
            ),
        ),
        (
            "variables",
            integers((0..nodes).map(|node| node as i32).collect()),
        ),
        ("states", numbers(&states)),
        ("categories", numbers(&vec![256; nodes])),
        ("transitions", numbers(&vec![1; edges])),
        ("shapes", numbers(&[1; 256])),
        ("shares", numbers(&vec![1; edges])),
    ];
    let views = tensors.iter().map(|(name, (dtype, data))| {
        let size = if *dtype == Dtype::I32 { 4 } else { 2 };
        let view = TensorView::new(*dtype, vec![data.len() / size], data);
        (*name, view.unwrap())
    });
    let file = serialize(views, None).unwrap();
    assert!(file.len() < 300_000);
    let needed = Circuit::parse(&file).unwrap().memory_bytes();
    assert!(needed > 1 << 26);
    assert!(Circuit::parse_within(&file, needed).is_ok());
    for most in [needed - 1, 1 << 20, 0] {
        let refused = Circuit::parse_within(&file, most);
        assert!(matches!(refused, Err(Error::Limit { .. })));
    }
}

/// A file of 400 kB whose few edges would become 2^26 places.
#[test]
fn rows_without_their_zeros_are_bounded() {
    let nodes = 64_usize;
    let parents: Vec<i32> = (0..nodes).map(|node| node as i32 - 1).collect();
    let states = vec![1024_u16; nodes];
    let rows = 1 + 1024 * (nodes - 1);
    let (counts, targets, weights) = (vec![1_u16; rows], vec![0_u16; rows], vec![1_u16; rows]);
    let mut variables = vec![-1_i32; nodes];
    variables[0] = 0;
    let bytes = |values: &[u16]| {
        values
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let integers = |values: &[i32]| {
        values
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let tensors = [
        ("parents", Dtype::I32, integers(&parents)),
        ("variables", Dtype::I32, integers(&variables)),
        ("states", Dtype::U16, bytes(&states)),
        ("categories", Dtype::U16, bytes(&[1])),
        ("counts", Dtype::U16, bytes(&counts)),
        ("targets", Dtype::U16, bytes(&targets)),
        ("transitions", Dtype::U16, bytes(&weights)),
        ("emissions", Dtype::U16, bytes(&[1; 1024])),
    ];
    let file = |tensors: &[(&str, Dtype, Vec<u8>)]| {
        let views = tensors.iter().map(|(name, dtype, data)| {
            let size = if *dtype == Dtype::I32 { 4 } else { 2 };
            (
                *name,
                TensorView::new(*dtype, vec![data.len() / size], data).unwrap(),
            )
        });
        serialize(views, None).unwrap()
    };
    let refused = |tensors: &[(&str, Dtype, Vec<u8>)]| {
        let error = Circuit::parse(&file(tensors)).unwrap_err();
        matches!(error, Error::Weights { .. })
    };
    assert!(refused(&tensors));
    // One of two ways to store weights, and not half of each.
    let mut few = tensors.clone();
    few[0].2.truncate(4);
    few[1].2.truncate(4);
    few[2].2.truncate(2);
    for part in &mut few[4..7] {
        part.2.truncate(2);
    }
    assert!(Circuit::parse(&file(&few)).is_ok());
    assert!(refused(&[&few[..4], &few[5..]].concat()));
    let shapes = ("shapes", Dtype::U16, bytes(&[1]));
    assert!(refused(&[&few[..], &[shapes]].concat()));
}
