use super::*;
use crate::cm::prior::keys::keys;

fn train(texts: &[&[u8]], settings: Settings) -> (Table, usize) {
    let mut trainer = Trainer::new(texts.to_vec(), settings);
    let mut kinds = 0;
    while let Some(step) = trainer.step() {
        assert_eq!(step.kind, kinds);
        kinds += 1;
    }
    assert_eq!(kinds, KINDS);
    trainer.finish()
}

fn settings() -> Settings {
    Settings {
        buckets: 64,
        segment: 100,
        ..Settings::default()
    }
}

#[test]
fn what_follows_often_is_known() {
    let text = b"It was the best of times, it was the worst of times. ".repeat(20);
    let (table, entries) = train(&[&text], settings());
    assert!(entries > 20);
    let mut contexts = Contexts::new(Kind::Text, 1);
    for (i, &byte) in b"the wor".iter().enumerate() {
        contexts.update(&b"the wor"[..=i], byte);
    }
    let expected = keys(&contexts)
        .into_iter()
        .filter_map(|key| table.find(key));
    let first: Vec<u8> = expected
        .filter_map(|entry| entry.symbols(&WEIGHTS).next())
        .map(|(symbol, _)| symbol)
        .collect();
    assert!(!first.is_empty());
    assert!(first.iter().all(|&symbol| symbol == b's'));
}

#[test]
fn what_is_in_one_text_only_is_not_known() {
    let texts: Vec<Vec<u8>> = (0..40_u8).map(|i| vec![i; 50]).collect();
    let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    let (_, entries) = train(&texts, settings());
    assert_eq!(entries, 0);
}

#[test]
fn threads_and_passes_change_nothing() {
    let text: Vec<u8> = (0..60_000_u32)
        .map(|i| (i * i / 7 % 31) as u8 + 65)
        .collect();
    let (one, entries) = train(&[&text], settings());
    assert!(entries > 0);
    for (threads, records) in [(2, 1 << 20), (3, 7000), (1, 1000)] {
        let settings = Settings {
            threads,
            records,
            ..settings()
        };
        assert_eq!(train(&[&text], settings).0.bytes(), one.bytes());
    }
}

#[test]
fn parts_of_texts_are_texts() {
    let text: Vec<u8> = (0..30_000_u32)
        .map(|i| (i * i / 7 % 31) as u8 + 65)
        .collect();
    let spans = vec![(0, 100..20_000), (0, 25_000..90_000), (0, 9..9), (7, 0..5)];
    let mut parts = Trainer::with_spans(vec![&text], spans, settings());
    while parts.step().is_some() {}
    let expected = train(&[&text[100..20_000], &text[25_000..]], settings());
    let (table, entries) = parts.finish();
    assert_eq!((table.bytes(), entries), (expected.0.bytes(), expected.1));
}

#[test]
fn work_is_told_and_can_be_stopped() {
    let text: Vec<u8> = (0..400_000_u64)
        .map(|i| (i * i / 7 % 31) as u8 + 65)
        .collect();
    for threads in [1, 3] {
        let settings = Settings {
            threads,
            records: 300_000,
            ..settings()
        };
        let mut trainer = Trainer::new(vec![&text], settings);
        let mut told = vec![0];
        while let Some(step) = trainer
            .watched_step(|done| {
                told.push(done);
                false
            })
            .unwrap()
        {
            assert!(told.is_sorted());
            let work = trainer.work() / KINDS as u64 * (step.kind as u64 + 1);
            assert!(told[told.len() - 1] <= work);
        }
        assert!(told.len() > 5 * KINDS);
        assert!(told[told.len() - 1] > trainer.work() / KINDS as u64 * (KINDS as u64 - 1));
        for calls in [1, 2, 5] {
            let mut trainer = Trainer::new(vec![&text], settings);
            let mut called = 0;
            let stopped = trainer.watched_step(|_| {
                called += 1;
                called == calls
            });
            assert_eq!(stopped, Err(crate::Error::Interrupted));
            assert_eq!(called, calls);
            assert_eq!(trainer.step(), None);
        }
    }
}

#[test]
fn memory_follows_the_settings() {
    let few = settings();
    let needed = memory_bytes(1 << 30, 1, &few);
    assert!((5 << 30..6 << 30).contains(&needed));
    let records = Settings {
        records: 1 << 20,
        ..few
    };
    assert!(memory_bytes(1 << 30, 1, &records) < needed - (900 << 20));
    assert!(memory_bytes(1 << 30, 1 << 26, &few) > needed + (1 << 30));
}

#[test]
fn nothing_gives_an_empty_table() {
    for texts in [&[][..], &[b"".as_slice()], &[b"a"]] {
        let (table, entries) = train(texts, settings());
        assert_eq!((table.bytes().len(), entries), (BUCKET, 0));
    }
}
