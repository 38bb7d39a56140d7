//! Descriptions and tensors.

use super::{describe, descriptions, network, plain, tensor, Numbers, KINDS};
use crate::lm::config::Config;
use crate::lm::model::Builder;
use crate::lm::session_bytes;
use crate::lm::weights::{Kind, Matrix};
use crate::Error;

fn refused(description: &str) -> String {
    match Config::parse(description.as_bytes()) {
        Err(error @ (Error::File { .. } | Error::Limit { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn descriptions_are_checked() {
    let wrong = [
        ("vocabulary", "0", "vocabulary"),
        ("vocabulary", "1048577", "vocabulary"),
        ("context", "0", "context"),
        ("context", "18446744073709551615", "context"),
        ("width", "40000", "width"),
        ("layers", "0", "layers"),
        ("layers", "513", "layers"),
        ("heads", "2000", "heads"),
        ("kv_heads", "3", "kv_heads"),
        ("kv_heads", "5", "kv_heads"),
        ("head_width", "2000", "head_width"),
        ("hidden", "1000000", "hidden"),
        ("norm_epsilon", "-1", "norm_epsilon"),
        ("norm_epsilon", "2", "norm_epsilon"),
        ("rope_theta", "0.5", "rope_theta"),
        ("rope_theta", "1e30", "rope_theta"),
        ("rope_width", "7", "rope_width"),
        ("rope_width", "10", "rope_width"),
        (
            "rope_scaling",
            "{\"kind\": \"linear\", \"factor\": 0.5}",
            "rope_scaling",
        ),
        (
            "rope_scaling",
            "{\"kind\": \"linear\", \"factor\": 2, \"more\": 1}",
            "more",
        ),
        (
            "rope_scaling",
            "{\"kind\": \"yarn\", \"factor\": 2}",
            "yarn",
        ),
        (
            "rope_scaling",
            "{\"kind\": \"llama3\", \"factor\": 2, \"low_frequency_factor\": 4, \
             \"high_frequency_factor\": 1, \"original_context\": 10}",
            "rope_scaling",
        ),
        ("sliding_window", "0", "sliding_window"),
        ("parallel_residual", "true", "parallel_residual"),
        ("architecture", "\"bert\"", "bert"),
        ("activation", "\"relu\"", "relu"),
        ("tied", "1", "boolean"),
        ("colour", "1", "colour"),
    ];
    for (name, value, word) in wrong {
        let message = refused(&describe(&[(name, value)]));
        assert!(message.contains(word), "{message}");
    }
    for text in ["", "[]", "{}", "{\"architecture\": \"llama\"}", "\u{0}"] {
        refused(text);
    }
    refused(&describe(&[
        ("architecture", "\"gpt2\""),
        ("kv_heads", "4"),
    ]));
    refused(&describe(&[
        ("architecture", "\"neox\""),
        ("query_norm", "true"),
    ]));
}

#[test]
fn the_tensors_of_each_architecture_are_told() {
    let names = |description: &str| -> Vec<String> {
        let needs = Builder::new(Config::parse(description.as_bytes()).unwrap()).needed();
        needs
            .into_iter()
            .filter(|need| need.required)
            .map(|need| need.name)
            .collect()
    };
    let llama = names(&describe(&[("layers", "1")]));
    let expected = [
        "embedding",
        "layers.0.attention_norm",
        "layers.0.mlp_norm",
        "layers.0.q",
        "layers.0.k",
        "layers.0.v",
        "layers.0.o",
        "layers.0.gate",
        "layers.0.up",
        "layers.0.down",
        "final_norm",
        "output",
    ];
    assert_eq!(llama, expected);
    let all: Vec<_> = descriptions()
        .iter()
        .map(|description| names(description))
        .collect();
    assert!(!all[1].contains(&"output".to_owned()));
    assert!(all[2].contains(&"layers.1.q_norm".to_owned()));
    assert!(all[3].contains(&"positions".to_owned()));
    assert!(all[3].contains(&"layers.0.q.bias".to_owned()));
    assert!(all[4].contains(&"final_norm.bias".to_owned()));
    assert!(!all[4].contains(&"layers.0.gate".to_owned()));
}

#[test]
fn tensors_are_checked() {
    let mut builder = Builder::new(Config::parse(describe(&[]).as_bytes()).unwrap());
    let mut refuse = |name: &str, kind: Kind, data: &[u8], word: &str| {
        let error = builder.put(name, kind, data).unwrap_err();
        let Error::File { what } = &error else {
            panic!("{error:?}")
        };
        assert!(what.contains(name) && what.contains(word), "{what}");
    };
    let zeros = vec![0; 50 * 32 * 4 + 1];
    refuse("nose", Kind::F32, &zeros[..4], "none of that name");
    refuse("embedding", Kind::F32, &zeros, "length");
    refuse("embedding", Kind::F32, &zeros[..50 * 32 * 4 - 1], "length");
    refuse("embedding", Kind::F16, &zeros[..50 * 32 * 4], "length");
    refuse("final_norm", Kind::Bf16, &zeros[..32 * 4], "length");
    refuse("final_norm", Kind::Q8, &zeros[..34], "blocks");
    refuse(
        "layers.0.q_norm",
        Kind::F32,
        &zeros[..32],
        "none of that name",
    );
    let not_finite: [(Kind, &[u8]); 6] = [
        (Kind::F32, &[0, 0, 0x80, 0x7F]),
        (Kind::F32, &[1, 0, 0x80, 0xFF]),
        (Kind::F16, &[0, 0x7C]),
        (Kind::F16, &[1, 0xFC]),
        (Kind::Bf16, &[0x80, 0x7F]),
        (Kind::Bf16, &[0xFF, 0xFF]),
    ];
    for (kind, bytes) in not_finite {
        let mut data = tensor(&mut Numbers(1), kind, &[50, 32], 0.0);
        let at = data.len() - bytes.len();
        data[at..].copy_from_slice(bytes);
        refuse("embedding", kind, &data, "infinite");
    }
    let mut data = tensor(&mut Numbers(1), Kind::Q8, &[50, 32], 0.0);
    data[34..36].copy_from_slice(&[0, 0x7C]);
    refuse("embedding", Kind::Q8, &data, "infinite");
    let odd = describe(&[("width", "40")]);
    let mut builder = Builder::new(Config::parse(odd.as_bytes()).unwrap());
    assert!(builder
        .put("embedding", Kind::Q8, &[0; 34])
        .unwrap_err()
        .to_string()
        .contains("blocks"));
}

#[test]
fn missing_tensors_are_named() {
    for description in descriptions() {
        let config = || Config::parse(description.as_bytes()).unwrap();
        let needs = Builder::new(config()).needed();
        for missing in needs.iter().filter(|need| need.required) {
            let mut builder = Builder::new(config());
            for need in needs.iter().filter(|need| need.name != missing.name) {
                let data = tensor(&mut Numbers(1), Kind::F32, &need.shape, 0.0);
                builder.put(&need.name, Kind::F32, &data).unwrap();
            }
            let error = builder.finish(false).unwrap_err().to_string();
            assert!(
                error.contains(&format!("tensor {}: missing", missing.name)),
                "{error}"
            );
        }
    }
}

#[test]
fn rows_are_what_was_stored() {
    let mut numbers = Numbers(3);
    for (kind, step) in [
        (Kind::F32, 0.0),
        (Kind::F16, 0.0),
        (Kind::Bf16, 0.0),
        (Kind::Q8, 0.0),
    ] {
        let data = tensor(&mut numbers, kind, &[3, 64], 0.0);
        let matrix = Matrix::new("x", kind, &data, (3, 64)).unwrap();
        let mut row = [1.0; 64];
        matrix.row(2, &mut row);
        let expected = |i: usize| match kind {
            Kind::F32 => f32::from_le_bytes(data.as_chunks().0[128 + i]),
            Kind::Bf16 => {
                f32::from_bits(u32::from(u16::from_le_bytes(data.as_chunks().0[128 + i])) << 16)
            }
            Kind::F16 => crate::lm::dot::half(u16::from_le_bytes(data.as_chunks().0[128 + i])),
            Kind::Q8 => f32::from(data[(4 + i / 32) * 34 + 2 + i % 32].cast_signed()) / 512.0,
        };
        for (i, &value) in row.iter().enumerate() {
            assert!((value - expected(i)).abs() <= step, "{kind:?}");
        }
        let int8 = matrix.to_int8().unwrap();
        let most = row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let mut rounded = [0.0; 64];
        int8.row(2, &mut rounded);
        for (value, rounded) in row.iter().zip(rounded) {
            assert!((value - rounded).abs() <= 0.51 * most / 127.0);
        }
        assert!(rounded.iter().any(|&x| (x.abs() - most).abs() < 1e-6));
    }
    let zeros = Matrix::new("x", Kind::F32, &[0; 64], (1, 16))
        .unwrap()
        .to_int8()
        .unwrap();
    let mut row = [1.0; 16];
    zeros.row(0, &mut row);
    assert_eq!(row, [0.0; 16]);
}

#[test]
fn sizes_are_told() {
    let sizes: Vec<_> = KINDS
        .map(|(kind, int8)| network(&describe(&[]), kind, int8).memory_bytes())
        .to_vec();
    // Tables of 1600 weights each; in each layer 2 of 32 by 32, 2 of 16 by 32 and 3 of 64 by 32.
    let weights = 2 * 1600 + 2 * (2 * 1024 + 2 * 512 + 3 * 2048);
    assert_eq!(sizes[0], 4 * weights);
    assert_eq!(sizes[1], 2 * weights);
    assert_eq!(sizes[2], 2 * weights);
    assert_eq!(sizes[3], weights + weights / 8);
    let rows = 50 + 2 * (64 + 32 + 128 + 32);
    assert_eq!(sizes[4], 4 * 1600 + weights - 1600 + 4 * rows);
    let model = plain(&describe(&[]));
    assert_eq!(model.multiply_adds(), weights - 1600);
    let bytes = |lanes, window| session_bytes(&model.config, lanes, window);
    // Keys and values of two heads, padded to 16, in two layers.
    assert_eq!(bytes(3, 8) - bytes(2, 8), 2 * 2 * 8 * 2 * 16 * 4);
    assert!(bytes(1, 64) > bytes(1, 8));
    assert_eq!(bytes(1, 64), bytes(1, usize::MAX));
}
