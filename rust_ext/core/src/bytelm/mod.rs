//! The network `bytelm`, trained on text before it shipped, in integers only. Models that use it are in
//! [`crate::cm`]: beside contexts, and [`alone`](crate::cm::alone).

// Fixed-point arithmetic: the ranges are in the comments.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod contexts;
pub mod duo;
mod link;
pub mod network;
mod share;
mod state;
pub mod tree;

#[cfg(test)]
mod tests {
    use super::network::Network;
    use super::tree::Tree;
    use crate::nn::tensors::Tensors;
    use serde_json::Value;

    fn read(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    fn numbers(value: &Value) -> Vec<i64> {
        let list = value.as_array().unwrap();
        list.iter().map(|n| n.as_i64().unwrap()).collect()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let (pairs, _) = hex.as_bytes().as_chunks::<2>();
        let digit = |&d: &u8| char::from(d).to_digit(16).unwrap() as u8;
        pairs
            .iter()
            .map(|[a, b]| digit(a) << 4 | digit(b))
            .collect()
    }

    /// The reference is written apart from this code.
    #[test]
    fn equals_the_reference() {
        equals("bytelm-tiny");
    }

    #[test]
    fn weights_of_four_bits_equal_the_reference() {
        equals("bytelm-tiny-3");
    }

    #[test]
    fn weights_of_four_bits_are_of_version_3() {
        let mut file = read("bytelm-tiny-3.safetensors");
        assert!(Network::take(&Tensors::parse(&file).unwrap()).is_ok());
        let version = file.windows(8).position(|few| few == b"bytelm-3").unwrap() + 7;
        for (digit, expected) in [(b'2', "tensor of another type"), (b'4', "version 2 or 3")] {
            file[version] = digit;
            let refused = Network::take(&Tensors::parse(&file).unwrap()).unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}");
        }
    }

    fn equals(name: &str) {
        let file = read(&format!("{name}.safetensors"));
        let network = Network::take(&Tensors::parse(&file).unwrap()).unwrap();
        let reference: Value = serde_json::from_slice(&read(&format!("{name}.json"))).unwrap();
        let cases = reference["cases"].as_array().unwrap();
        assert!(cases.len() >= 5);
        for case in cases {
            let text = bytes(case["bytes"].as_str().unwrap());
            let sums = numbers(&case["weight_sums"]);
            assert_eq!(sums.len(), text.len() + 1);
            let mut state = network.start();
            let mut tree = Tree::default();
            let logits = |name: &str| numbers(&case[name]);
            let has = |state: &super::network::State| -> Vec<i64> {
                state.logits().iter().map(|&l| i64::from(l)).collect()
            };
            assert_eq!(has(&state), logits("first_logits"));
            for (i, &sum) in sums.iter().enumerate() {
                network.weigh(&state, &mut tree);
                let all: i64 = tree.leaves().iter().map(|&w| i64::from(w)).sum();
                assert_eq!(all, sum, "{} at {i}", case["name"]);
                if let Some(&byte) = text.get(i) {
                    network.step(&mut state, byte);
                }
            }
            assert_eq!(has(&state), logits("last_logits"));
        }
    }
}
