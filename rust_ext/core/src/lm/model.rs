//! A network: its weights by their places.

use super::config::{Architecture, Config};
use super::weights::{self, Kind, Matrix};
use crate::{Error, Result};
use std::collections::BTreeMap;

/// A matrix and maybe something to add.
#[derive(Debug)]
pub struct Linear {
    /// The matrix.
    pub matrix: Matrix,
    /// What is added to products.
    pub bias: Option<Vec<f32>>,
}

/// What a norm multiplies with, and maybe adds.
#[derive(Debug)]
pub struct Norm {
    /// What the norm multiplies with.
    pub weight: Vec<f32>,
    /// What it adds. Where it adds something, it first takes the mean away.
    pub bias: Option<Vec<f32>>,
}

/// Weights of a layer.
#[derive(Debug)]
pub struct Layer {
    /// The norm before queries, keys and values.
    pub attention_norm: Norm,
    /// Queries.
    pub q: Linear,
    /// Keys.
    pub k: Linear,
    /// Values.
    pub v: Linear,
    /// What becomes of mixed values.
    pub o: Linear,
    /// The norm of each query.
    pub q_norm: Option<Norm>,
    /// The norm of each key.
    pub k_norm: Option<Norm>,
    /// The norm before the unit.
    pub mlp_norm: Norm,
    /// The gate of the unit.
    pub gate: Option<Linear>,
    /// The first matrix of the unit.
    pub up: Linear,
    /// The last matrix of the unit.
    pub down: Linear,
}

/// A network.
#[derive(Debug)]
pub struct Model {
    /// What it looks like.
    pub config: Config,
    /// The table of tokens.
    pub embedding: Matrix,
    /// The table of positions.
    pub positions: Option<Matrix>,
    /// All layers.
    pub layers: Vec<Layer>,
    /// The norm after the last layer.
    pub final_norm: Norm,
    /// The last matrix, where it is not the table of tokens.
    pub output: Option<Matrix>,
}

impl Model {
    /// The matrix whose products are the logits.
    #[must_use]
    pub fn head(&self) -> &Matrix {
        self.output.as_ref().unwrap_or(&self.embedding)
    }

    fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let layers = self.layers.iter().flat_map(|layer| {
            let always = [
                &layer.q,
                &layer.k,
                &layer.v,
                &layer.o,
                &layer.up,
                &layer.down,
            ];
            always
                .into_iter()
                .chain(&layer.gate)
                .map(|linear| &linear.matrix)
        });
        layers.chain([self.head()])
    }

    /// Bytes of all matrices; vectors do not count.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let tables = self
            .output
            .iter()
            .map(|_| &self.embedding)
            .chain(&self.positions);
        self.matrices().chain(tables).map(Matrix::bytes).sum()
    }

    /// Multiplications for a token, without those of attention, which grow with what it sees.
    #[must_use]
    pub fn multiply_adds(&self) -> usize {
        self.matrices()
            .map(|matrix| matrix.rows() * matrix.columns())
            .sum()
    }
}

/// The shape of a tensor, and whether there must be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub name: String,
    /// Rows and columns, or the length.
    pub shape: Vec<usize>,
    /// Whether there must be one.
    pub required: bool,
}

/// Gathers the tensors of a network.
#[derive(Debug)]
pub struct Builder {
    config: Config,
    needs: BTreeMap<String, Need>,
    matrices: BTreeMap<String, Matrix>,
    vectors: BTreeMap<String, Vec<f32>>,
}

/// All tensors, in the order of a network.
fn needs(config: &Config) -> Vec<Need> {
    let mut all = Vec::new();
    let mut need = |name: &str, shape: &[usize], required: bool| {
        all.push(Need {
            name: name.to_owned(),
            shape: shape.to_vec(),
            required,
        });
    };
    let (d, f) = (config.width, config.hidden);
    let (q, k) = (config.queries(), config.keys());
    let llama = config.architecture == Architecture::Llama;
    let gpt2 = config.architecture == Architecture::Gpt2;
    need("embedding", &[config.vocabulary, d], true);
    if gpt2 {
        need("positions", &[config.context, d], true);
    }
    for i in 0..config.layers {
        let at = |part: &str| format!("layers.{i}.{part}");
        for norm in ["attention_norm", "mlp_norm"] {
            need(&at(norm), &[d], true);
            if !llama {
                need(&at(&format!("{norm}.bias")), &[d], true);
            }
        }
        for (part, shape) in [("q", [q, d]), ("k", [k, d]), ("v", [k, d]), ("o", [d, q])] {
            need(&at(part), &shape, true);
            need(&at(&format!("{part}.bias")), &shape[..1], gpt2);
        }
        if config.query_norm {
            need(&at("q_norm"), &[config.head_width], true);
            need(&at("k_norm"), &[config.head_width], true);
        }
        let gate = llama.then_some(("gate", [f, d]));
        for (part, shape) in gate.into_iter().chain([("up", [f, d]), ("down", [d, f])]) {
            need(&at(part), &shape, true);
            need(&at(&format!("{part}.bias")), &shape[..1], !llama);
        }
    }
    need("final_norm", &[d], true);
    if !llama {
        need("final_norm.bias", &[d], true);
    }
    if !config.tied {
        need("output", &[config.vocabulary, d], true);
    }
    all
}

impl Builder {
    /// Begins a network.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let needs = needs(&config)
            .into_iter()
            .map(|need| (need.name.clone(), need))
            .collect();
        Self {
            config,
            needs,
            matrices: BTreeMap::new(),
            vectors: BTreeMap::new(),
        }
    }

    /// All tensors, in the order of the network.
    #[must_use]
    pub fn needed(&self) -> Vec<Need> {
        needs(&self.config)
    }

    /// Takes a tensor; a later one takes the place of one with the same name.
    ///
    /// # Errors
    /// [`Error::File`] when the network has no tensor of that name, or its bytes are not what its shape needs.
    pub fn put(&mut self, name: &str, kind: Kind, data: &[u8]) -> Result<()> {
        let Some(need) = self.needs.get(name) else {
            return Err(Error::File {
                what: format!("tensor {name}: the network has none of that name"),
            });
        };
        if let [rows, columns] = need.shape[..] {
            let matrix = Matrix::new(name, kind, data, (rows, columns))?;
            self.matrices.insert(name.to_owned(), matrix);
        } else {
            let vector = weights::vector(name, kind, data, need.shape[0])?;
            self.vectors.insert(name.to_owned(), vector);
        }
        Ok(())
    }

    /// The network; with `int8`, matrices become integers, but for the tables of tokens and positions.
    ///
    /// # Errors
    /// [`Error::File`] when a tensor is missing, [`Error::Limit`] when the system has no room for the integers.
    pub fn finish(mut self, int8: bool) -> Result<Model> {
        let layers = (0..self.config.layers)
            .map(|i| self.layer(i, int8))
            .collect::<Result<_>>()?;
        let positions = match self.config.architecture {
            Architecture::Gpt2 => Some(self.matrix("positions", false)?),
            _ => None,
        };
        let output = if self.config.tied {
            None
        } else {
            Some(self.matrix("output", int8)?)
        };
        Ok(Model {
            embedding: self.matrix("embedding", false)?,
            positions,
            layers,
            final_norm: self.norm("final_norm")?,
            output,
            config: self.config,
        })
    }

    fn layer(&mut self, i: usize, int8: bool) -> Result<Layer> {
        let at = |part: &str| format!("layers.{i}.{part}");
        let query_norm = self.config.query_norm;
        let gated = self.config.architecture == Architecture::Llama;
        Ok(Layer {
            attention_norm: self.norm(&at("attention_norm"))?,
            q: self.linear(&at("q"), int8)?,
            k: self.linear(&at("k"), int8)?,
            v: self.linear(&at("v"), int8)?,
            o: self.linear(&at("o"), int8)?,
            q_norm: query_norm.then(|| self.norm(&at("q_norm"))).transpose()?,
            k_norm: query_norm.then(|| self.norm(&at("k_norm"))).transpose()?,
            mlp_norm: self.norm(&at("mlp_norm"))?,
            gate: gated.then(|| self.linear(&at("gate"), int8)).transpose()?,
            up: self.linear(&at("up"), int8)?,
            down: self.linear(&at("down"), int8)?,
        })
    }

    fn linear(&mut self, name: &str, int8: bool) -> Result<Linear> {
        let matrix = self.matrix(name, int8)?;
        let bias = self.bias(name)?;
        Ok(Linear { matrix, bias })
    }

    fn norm(&mut self, name: &str) -> Result<Norm> {
        let weight = self.vectors.remove(name).ok_or_else(|| missing(name))?;
        let bias = self.bias(name)?;
        Ok(Norm { weight, bias })
    }

    fn bias(&mut self, name: &str) -> Result<Option<Vec<f32>>> {
        let name = format!("{name}.bias");
        let bias = self.vectors.remove(&name);
        let required = self.needs.get(&name).is_some_and(|need| need.required);
        if bias.is_none() && required {
            return Err(missing(&name));
        }
        Ok(bias)
    }

    fn matrix(&mut self, name: &str, int8: bool) -> Result<Matrix> {
        let matrix = self.matrices.remove(name).ok_or_else(|| missing(name))?;
        if int8 {
            matrix.to_int8()
        } else {
            Ok(matrix)
        }
    }
}

fn missing(name: &str) -> Error {
    Error::File {
        what: format!("tensor {name}: missing"),
    }
}
