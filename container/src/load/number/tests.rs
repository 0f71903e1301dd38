use std::cell::RefCell;

use super::*;
use crate::load::window::{LEAD, REACH};
use crate::rng::Rng;

/// A text of one token at place 3, others beside it.
fn with_text<T>(token: &str, work: impl FnOnce(Window<'_>) -> T) -> T {
    thread_local! {
        // One for all tokens, as filling it takes longer than a thousand of them.
        static TEXT: RefCell<[u8; REACH]> = const { RefCell::new([b'9'; REACH]) };
    }
    TEXT.with_borrow_mut(|text| {
        let token = format!(":{token} ");
        let place = LEAD + 2..LEAD + 2 + token.len();
        text[place.clone()].copy_from_slice(token.as_bytes());
        let result = work(Window(text));
        text[place].fill(b'9');
        result
    })
}

/// The quick result.
fn quick(token: &str) -> Option<f32> {
    with_text(token, |text| label(text, 3, 3 + token.len() as u16))
}

/// Checks a token against Rust's parser; whether the quick way took it.
fn check(token: &str) -> bool {
    let found = quick(token);
    if let Some(found) = found {
        let expected = token.parse::<f32>().unwrap_or_else(|_| panic!("{token:?} is no number"));
        assert_eq!(found.to_bits(), expected.to_bits(), "{token:?}");
    }
    found.is_some()
}

fn digits(rng: &mut Rng, count: u64) -> String {
    (0..count).map(|_| char::from(b'0' + rng.below(10) as u8)).collect()
}

fn check_many(rounds: u64, seed: u64) {
    let mut rng = Rng::new(&[seed]);
    let mut taken = 0;
    for _ in 0..rounds {
        let sign = ["", "", "-", "+"][rng.below(4) as usize];
        let (whole, part) = (rng.below(9), rng.below(14));
        let plain = format!("{sign}{}.{}", digits(&mut rng, whole), digits(&mut rng, part));
        taken += u64::from(check(&plain));
        let exponent = rng.below(60) as i32 - 40;
        check(&format!("{plain}e{exponent}"));
        // Any f32, and the middle between it and the next, exactly and a little beside.
        let bits = rng.below(0x7f80_0000 - 1) as u32;
        let (low, high) = (f32::from_bits(bits), f32::from_bits(bits + 1));
        let middle = (f64::from(low) + f64::from(high)) / 2.0;
        check(&format!("{sign}{low}"));
        check(&format!("{sign}{low:e}"));
        check(&format!("{middle:e}"));
        check(&format!("{middle}1"));
        let near = 0.001 + rng.uniform_f32() * 1000.0;
        let next = f32::from_bits(near.to_bits() + 1);
        let middle = (f64::from(near) + f64::from(next)) / 2.0;
        for places in 6..12 {
            check(&format!("{middle:.places$}"));
        }
        check(&format!("{}", rng.below(1 << 40)));
        check(&format!("{sign}{}", f64::from(near) * 1.000_000_012_3));
        check(&format!("{middle}"));
        check(&format!("{}", middle * 1e-3));
        check(&format!("{}", 16_777_216 + rng.below(1 << 26)));
    }
    assert!(taken > rounds * 98 / 100, "{taken} of {rounds} went the quick way");
}

#[test]
fn decimals_have_the_bits_of_rust_s_own_parser() {
    check_many(20_000, 1);
}

#[test]
#[ignore = "a hundred million numbers: a minute in release"]
fn very_many_decimals_have_the_bits_of_rust_s_own_parser() {
    check_many(5_000_000, 2);
}

/// Reads `columns[i]:values[i]`, one behind the other, at once.
fn quick_two(columns: [&str; 2], values: [&str; 2]) -> Option<([u32; 2], [f32; 2])> {
    let (mut text, mut ends) = (String::new(), Vec::new());
    for (column, value) in columns.iter().zip(values) {
        for token in [column, ":", value, " "] {
            ends.push(3 + text.len());
            text.push_str(token);
        }
    }
    let places = |which: [usize; 2]| which.map(|i| ends[i] as u16);
    with_text(&text, |text| two(text, [3, ends[4]], places([1, 5]), places([3, 7])))
}

/// A value as it may stand in a file, or nearly.
fn value(rng: &mut Rng) -> String {
    let sign = ["", "", "-", "+"][rng.below(4) as usize];
    let (whole, part) = (rng.below(6), rng.below(12));
    match rng.below(8) {
        0 => format!("{}", rng.below(10)),
        1 => format!("{sign}{}", digits(rng, whole)),
        2 => format!("{}", rng.normal() as f32),
        3 => format!("{}", f32::from_bits(rng.below(0x7f80_0000) as u32)),
        4 => format!(
            "{sign}{}.{}{}",
            digits(rng, whole),
            digits(rng, part),
            ["", "e", ".", "/"][rng.below(4) as usize]
        ),
        _ => format!("{sign}{}.{}", digits(rng, whole), digits(rng, part)),
    }
}

#[test]
fn two_at_once_are_as_one_after_the_other() {
    let mut rng = Rng::new(&[5]);
    let mut taken = 0;
    for _ in 0..50_000 {
        let columns = [0, 1].map(|_| {
            let count = 1 + rng.below(8);
            digits(&mut rng, count)
        });
        let values = [0, 1].map(|_| value(&mut rng));
        let Some((found_columns, found)) =
            quick_two(columns.each_ref().map(|it| &**it), values.each_ref().map(|it| &**it))
        else {
            continue;
        };
        taken += 1;
        for i in 0..2 {
            assert_eq!(Ok(found_columns[i]), columns[i].parse(), "{columns:?}");
            let expected =
                values[i].parse::<f32>().unwrap_or_else(|_| panic!("{:?} is no number", values[i]));
            assert_eq!(found[i].to_bits(), expected.to_bits(), "{values:?}");
        }
    }
    assert!(taken > 20_000, "{taken} were taken");
}

#[test]
fn two_at_once_take_the_usual_and_nothing_wrong() {
    let good = [
        "1",
        "0",
        "-1",
        "0.5",
        ".5",
        "-0.25",
        "0.012345",
        "-0.0123456789012",
        "16777216",
        "1234567890.12345",
    ];
    let bad = [
        "",
        ".",
        "-",
        "+1",
        "--1",
        "1.",
        "1..2",
        "1.2.3",
        "1e5",
        "nan",
        "/",
        ":",
        "0.01234567890123456",
        "16777217",
    ];
    for value in good {
        let expected = value.parse().unwrap();
        assert_eq!(
            quick_two(["7", "12345678"], [value, "1"]),
            Some(([7, 12_345_678], [expected, 1.0])),
            "{value}"
        );
        assert_eq!(quick_two(["7", "8"], ["0.5", value]), Some(([7, 8], [0.5, expected])), "{value}");
    }
    for value in bad {
        for other in ["1", "0.5"] {
            assert_eq!(quick_two(["7", "8"], [value, other]), None, "{value}");
            assert_eq!(quick_two(["7", "8"], [other, value]), None, "{value}");
        }
    }
    for column in ["", "123456789", "1a", "-1", "/", "1."] {
        for value in ["1", "0.5"] {
            assert_eq!(quick_two([column, "8"], [value, value]), None, "{column}");
            assert_eq!(quick_two(["7", column], [value, value]), None, "{column}");
        }
    }
}

#[test]
fn what_is_no_number_is_not_taken() {
    for token in
        ["", ".", "-", "+", "+-1", "-+1", "--1", "1..2", "1.2.3", "1e", "e5", "1e+", "nan", "inf", "0x1"]
    {
        assert_eq!(quick(token), None, "{token:?}");
    }
    let mut rng = Rng::new(&[3]);
    for _ in 0..100_000 {
        let length = rng.below(20);
        let token: String =
            (0..length).map(|_| char::from(b"0123456789..-+eE/:;x"[rng.below(20) as usize])).collect();
        check(&token);
    }
}

#[test]
fn zeros_keep_their_sign() {
    assert_eq!(quick("-0").map(f32::to_bits), Some((-0.0f32).to_bits()));
    assert_eq!(quick("-0.000000000").map(f32::to_bits), Some((-0.0f32).to_bits()));
    assert_eq!(quick("0e5").map(f32::to_bits), Some(0));
}

#[test]
fn integers_of_one_to_eight_digits() {
    let mut rng = Rng::new(&[4]);
    for _ in 0..1_000 {
        let kind = rng.below(4) as usize;
        let number = rng.below([10, 1_000, 100_000, 100_000_000][kind]) as u32;
        let token = number.to_string();
        assert_eq!(with_text(&token, |text| integer(text, 3, 3 + token.len() as u16)), Some(number));
    }
    for wrong in ["", "123456789", "1a", "-1", "1.", "1 "] {
        assert_eq!(with_text(wrong, |text| integer(text, 3, 3 + wrong.len() as u16)), None, "{wrong:?}");
    }
}
