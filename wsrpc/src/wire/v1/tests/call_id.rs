use crate::wire::random::Random;
use crate::wire::v1::CallId;

fn text_of(id: CallId, salt: u64) -> String {
    String::from_utf8(id.to_text(salt).to_vec()).unwrap()
}

fn random_id(random: &mut Random) -> CallId {
    // Small numbers and large ones.
    CallId {
        index: (random.next() >> (32 + random.below(32))) as u32,
        sequence: (random.next() >> (32 + random.below(32))) as u32,
    }
}

#[test]
fn every_id_is_a_uuid_of_version_4() {
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let text = text_of(random_id(&mut random), random.next());
        assert_eq!(text.len(), 36);
        for (at, digit) in text.chars().enumerate() {
            match at {
                8 | 13 | 18 | 23 => assert_eq!(digit, '-', "{text}"),
                14 => assert_eq!(digit, '4', "{text}: version"),
                19 => assert!("89ab".contains(digit), "{text}: variant"),
                _ => assert!("0123456789abcdef".contains(digit), "{text}"),
            }
        }
    }
}

#[test]
fn an_id_is_found_again_in_its_own_session_only() {
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let id = random_id(&mut random);
        let [salt, other] = [random.next(), random.next()];
        let text = text_of(id, salt);
        assert_eq!(CallId::from_text(&text, salt), Some(id), "seed {seed}");
        assert_eq!(CallId::from_text(&text, other), None, "seed {seed}");
        assert_ne!(text_of(id, other), text, "seed {seed}");
    }
}

#[test]
fn the_extremes_are_found_again() {
    for salt in [0, u64::MAX] {
        for number in [0, 1, u32::MAX] {
            let id = CallId {
                index: number,
                sequence: u32::MAX - number,
            };
            assert_eq!(CallId::from_text(&text_of(id, salt), salt), Some(id));
        }
    }
}

#[test]
fn foreign_text_is_no_id() {
    let salt = 0x0123_4567_89ab_cdef;
    let id = CallId {
        index: 1,
        sequence: 2,
    };
    let text = text_of(id, salt);
    let mut foreign = vec![
        String::new(),
        "1".into(),
        text[1..].into(),
        format!("{text}0"),
        text.replace('-', "0"),
        text.replace('-', "+"),
        "00000000-0000-0000-0000-000000000000".into(),
        "11111111-1111-4111-9111-111111111111".into(),
        // As long as an id, in bytes.
        "✓✓✓✓✓✓✓✓✓✓✓✓".into(),
        "-".repeat(36),
        "+".repeat(36),
    ];
    for at in 0..text.len() {
        let mut other = text.clone();
        other.replace_range(at..=at, "g");
        foreign.push(other);
    }
    for text in foreign {
        assert_eq!(CallId::from_text(&text, salt), None, "{text:?}");
    }
}

#[test]
fn a_changed_digit_is_another_id_or_none() {
    let salt = 99;
    let id = CallId {
        index: 5,
        sequence: 6,
    };
    let text = text_of(id, salt);
    for at in (0..text.len()).filter(|at| !matches!(at, 8 | 13 | 18 | 23)) {
        let mut other = text.clone();
        let digit = if &text[at..=at] == "0" { "1" } else { "0" };
        other.replace_range(at..=at, digit);
        assert_ne!(CallId::from_text(&other, salt), Some(id), "{other}");
    }
}
