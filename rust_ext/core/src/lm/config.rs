//! What a network looks like, as the JSON text that describes it.

use crate::{Error, Result};
use serde::Deserialize;

/// How layers are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Llama, Mistral, Qwen2, Qwen3: norms of squares, rotary positions, a gated unit.
    Llama,
    /// GPT-2: norms that also take the mean away, learnt positions, an ungated unit.
    Gpt2,
    /// GPT-NeoX: norms as GPT-2's, rotary positions in a part of each head, an ungated unit.
    Neox,
}

/// The function between the two matrices of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x / (1 + e^-x)`.
    Silu,
    /// `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`.
    GeluTanh,
    /// `x (1 + erf(x / √2)) / 2`.
    GeluErf,
}

/// How rotary frequencies differ from powers of the base.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum RopeScaling {
    /// All are divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Slow ones are divided by a factor, fast ones are not, those between in part (Llama 3.1).
    Llama3 {
        /// The factor.
        factor: f64,
        /// Turns in the original context below which a frequency is slow.
        low_frequency_factor: f64,
        /// Turns in the original context above which a frequency is fast.
        high_frequency_factor: f64,
        /// The original context, in tokens.
        original_context: u32,
    },
    /// Each is divided by a factor of its own, as GGUF files have them.
    Factors {
        /// The factors, one for each pair of dimensions.
        factors: Vec<f64>,
    },
}

/// The description of a network. All sizes are checked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How layers are built.
    pub architecture: Architecture,
    /// Number of tokens.
    pub vocabulary: usize,
    /// The largest window, in tokens.
    pub context: usize,
    /// Width of the state of a token.
    pub width: usize,
    /// Number of layers.
    pub layers: usize,
    /// Number of heads of queries.
    pub heads: usize,
    /// Number of heads of keys and values, a divisor of [`Config::heads`].
    pub kv_heads: usize,
    /// Width of a head.
    pub head_width: usize,
    /// Width of the unit.
    pub hidden: usize,
    /// What norms add to the mean of squares.
    pub norm_epsilon: f32,
    /// The base of rotary frequencies.
    pub rope_theta: f64,
    /// Dimensions of a head that are rotated.
    pub rope_width: usize,
    /// How frequencies differ from powers of the base.
    pub rope_scaling: Option<RopeScaling>,
    /// How many tokens, itself among them, a token sees; all where there is none.
    pub sliding_window: Option<usize>,
    /// Whether the table of tokens is also the last matrix.
    pub tied: bool,
    /// Whether queries and keys have norms (Qwen3).
    pub query_norm: bool,
    /// Whether the unit sees what the attention saw, not what it made (GPT-NeoX).
    pub parallel_residual: bool,
    /// The function between the two matrices of a unit.
    pub activation: Activation,
}

impl Config {
    /// Reads and checks a description.
    ///
    /// # Errors
    /// [`Error::File`] when it is not one, [`Error::Limit`] when a size is above its cap.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let config: Self = serde_json::from_slice(json).map_err(|error| Error::File {
            what: format!("description of a language model: {error}"),
        })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let caps = [
            (self.vocabulary, 1 << 20, "vocabulary: 1 to 2^20"),
            (self.context, 1 << 20, "context: 1 to 2^20"),
            (self.width, 1 << 15, "width: 1 to 2^15"),
            (self.layers, 1 << 9, "layers: 1 to 512"),
            (self.heads, 1 << 10, "heads: 1 to 1024"),
            (self.kv_heads, self.heads, "kv_heads: 1 to heads"),
            (self.head_width, 1 << 10, "head_width: 1 to 1024"),
            (self.hidden, 1 << 17, "hidden: 1 to 2^17"),
        ];
        for (size, most, what) in caps {
            if size == 0 || size > most {
                return Err(Error::Limit { what });
            }
        }
        let file = |what: &str| {
            let what = format!("description of a language model: {what}");
            Err(Error::File { what })
        };
        if !self.heads.is_multiple_of(self.kv_heads) {
            return file("heads are not a multiple of kv_heads");
        }
        if self.rope_width > self.head_width || !self.rope_width.is_multiple_of(2) {
            return file("rope_width is not even, or more than head_width");
        }
        if !(0.0..=1.0).contains(&self.norm_epsilon) {
            return file("norm_epsilon is not from 0 to 1");
        }
        if !(1.0..=1e12).contains(&self.rope_theta) {
            return file("rope_theta is not from 1 to 10^12");
        }
        if self.sliding_window == Some(0) {
            return file("sliding_window is 0");
        }
        let factor = |factor: f64| (1.0..=1e6).contains(&factor);
        match &self.rope_scaling {
            Some(RopeScaling::Linear { factor: by }) if !factor(*by) => {
                file("factor of rope_scaling is not from 1 to 10^6")
            }
            Some(RopeScaling::Llama3 {
                factor: by,
                low_frequency_factor: low,
                high_frequency_factor: high,
                original_context,
            }) if !(factor(*by)
                && *low > 0.0
                && low < high
                && *high < 1e6
                && *original_context > 0) =>
            {
                file("rope_scaling needs factor >= 1, 0 < low_frequency_factor < high_frequency_factor")
            }
            Some(RopeScaling::Factors { factors })
                if factors.len() != self.rope_width / 2
                    || !factors.iter().all(|by| (1e-6..=1e6).contains(by)) =>
            {
                file("factors of rope_scaling are not one for each pair, from 10^-6 to 10^6")
            }
            _ => match self.architecture {
                Architecture::Llama if self.parallel_residual => {
                    file("parallel_residual is for neox")
                }
                Architecture::Gpt2 | Architecture::Neox if self.query_norm => {
                    file("query_norm is for llama")
                }
                Architecture::Gpt2 if self.rope_width != 0 || self.parallel_residual => {
                    file("gpt2 has no rotary positions and no parallel residual")
                }
                _ => Ok(()),
            },
        }
    }

    /// Width of all heads of queries together.
    #[must_use]
    pub fn queries(&self) -> usize {
        self.heads * self.head_width
    }

    /// Width of all heads of keys together.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.kv_heads * self.head_width
    }
}
