//! Tests of whole networks: tiny ones, of random weights.

// Sizes are small, and the bits of floats are what is compared.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp
)]

mod coding;
mod loading;
mod mixing;
mod sessions;

use super::config::Config;
use super::dot::Simd;
use super::model::{Builder, Model};
use super::weights::Kind;

/// A description; `more` takes the place of what is there.
pub fn describe(more: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("architecture", "\"llama\""),
        ("vocabulary", "50"),
        ("context", "64"),
        ("width", "32"),
        ("layers", "2"),
        ("heads", "4"),
        ("kv_heads", "2"),
        ("head_width", "8"),
        ("hidden", "64"),
        ("norm_epsilon", "1e-5"),
        ("rope_theta", "10000.0"),
        ("rope_width", "8"),
        ("rope_scaling", "null"),
        ("sliding_window", "null"),
        ("tied", "false"),
        ("query_norm", "false"),
        ("parallel_residual", "false"),
        ("activation", "\"silu\""),
    ];
    fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    let fields = fields.iter().chain(more);
    let fields: Vec<_> = fields
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    format!("{{{}}}", fields.join(", "))
}

/// The networks that are tested.
pub fn descriptions() -> Vec<String> {
    let gpt2 = [
        ("architecture", "\"gpt2\""),
        ("kv_heads", "4"),
        ("rope_width", "0"),
        ("tied", "true"),
        ("activation", "\"gelu_tanh\""),
    ];
    let neox = [
        ("architecture", "\"neox\""),
        ("kv_heads", "4"),
        ("rope_width", "4"),
        ("parallel_residual", "true"),
        ("activation", "\"gelu_erf\""),
    ];
    let scaling = "{\"kind\": \"llama3\", \"factor\": 8.0, \"low_frequency_factor\": 1.0, \
        \"high_frequency_factor\": 4.0, \"original_context\": 32}";
    vec![
        describe(&[]),
        describe(&[
            ("sliding_window", "5"),
            ("width", "37"),
            ("hidden", "50"),
            ("tied", "true"),
        ]),
        describe(&[
            ("query_norm", "true"),
            ("head_width", "20"),
            ("rope_scaling", scaling),
        ]),
        describe(&gpt2),
        describe(&neox),
    ]
}

/// Numbers that look random.
pub struct Numbers(pub u64);

impl Numbers {
    /// The next one, of 32 bits.
    pub fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// A float from -1 to 1.
    pub fn float(&mut self) -> f32 {
        self.next() as f32 / 2.0_f32.powi(31) - 1.0
    }

    /// Tokens of a vocabulary.
    pub fn tokens(&mut self, count: usize, vocabulary: u32) -> Vec<u32> {
        (0..count).map(|_| self.next() % vocabulary).collect()
    }
}

/// The bytes of a tensor of random values.
pub fn tensor(numbers: &mut Numbers, kind: Kind, shape: &[usize], mean: f32) -> Vec<u8> {
    let count: usize = shape.iter().product();
    let mut float = || mean + 0.3 * numbers.float();
    match kind {
        Kind::F32 => (0..count).flat_map(|_| float().to_le_bytes()).collect(),
        Kind::Bf16 => (0..count)
            .flat_map(|_| ((float().to_bits() >> 16) as u16).to_le_bytes())
            .collect(),
        // Sign, and exponents from 2^-4 on.
        Kind::F16 => (0..count)
            .flat_map(|_| ((numbers.next() as u16 & 0x83FF) | 0x2C00).to_le_bytes())
            .collect(),
        Kind::Q8 => (0..count / 32)
            .flat_map(|_| {
                // A factor of 2^-9.
                let mut block = 0x1800_u16.to_le_bytes().to_vec();
                block.extend((0..32).map(|_| (numbers.next() >> 24) as u8));
                block
            })
            .collect(),
    }
}

/// A network of random weights; those of matrices are of a kind where their shape allows.
pub fn network(description: &str, kind: Kind, int8: bool) -> Model {
    let mut builder = Builder::new(Config::parse(description.as_bytes()).unwrap());
    let mut numbers = Numbers(7);
    for need in builder.needed() {
        let whole = need.shape.len() == 2 && (kind != Kind::Q8 || need.shape[1] % 32 == 0);
        let kind = if whole { kind } else { Kind::F32 };
        let mean = if need.name.ends_with("norm") {
            1.0
        } else {
            0.0
        };
        let data = tensor(&mut numbers, kind, &need.shape, mean);
        builder.put(&need.name, kind, &data).unwrap();
    }
    builder.finish(int8).unwrap()
}

/// The network of a description in 32-bit floats.
pub fn plain(description: &str) -> Model {
    network(description, Kind::F32, false)
}

/// The kinds of weights that are tested, with and without integers.
pub const KINDS: [(Kind, bool); 5] = [
    (Kind::F32, false),
    (Kind::F16, false),
    (Kind::Bf16, false),
    (Kind::Q8, false),
    (Kind::F32, true),
];

/// The fastest instructions.
pub fn best() -> Simd {
    Simd::best()
}
